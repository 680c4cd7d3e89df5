#include "hash/sha1.hpp"

#include <sys/types.h>

#include <sha1.h>

#include <cstdint>

namespace pfcache {

std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) noexcept {
  std::array<std::byte, 20> digest{};
  SHA1_CTX context;
  SHA1Init(&context);
  SHA1Update(&context, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  SHA1Final(reinterpret_cast<std::uint8_t*>(digest.data()), &context);
  return digest;
}

}  // namespace pfcache
