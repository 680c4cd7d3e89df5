#include "hash/sha1.hpp"

#include <sys/types.h>

#include <sha1.h>

#include <cstdint>

namespace pfcache {

struct Sha1::State {
  SHA1_CTX context;
};

Sha1::Sha1() : state_(std::make_unique<State>()) { SHA1Init(&state_->context); }
Sha1::~Sha1() = default;

void Sha1::update(std::span<const std::byte> bytes) noexcept {
  SHA1Update(&state_->context, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

std::array<std::byte, 20> Sha1::digest() const noexcept {
  std::array<std::byte, 20> digest{};
  SHA1_CTX copy = state_->context;
  SHA1Final(reinterpret_cast<std::uint8_t*>(digest.data()), &copy);
  return digest;
}

std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) noexcept {
  Sha1 hash;
  hash.update(bytes);
  return hash.digest();
}

}  // namespace pfcache
