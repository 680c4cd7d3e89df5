#include "hash/sha256_one.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "hash/sha256_many.hpp"

namespace pfcache {

const Sha256Kernel* one_message_kernel() noexcept {
  const Sha256Kernel* narrowest = usable_sha256_kernels().back();
  return narrowest->lanes == 1 ? narrowest : nullptr;
}

void compress_one(const Sha256Kernel* kernel, Sha256State& state, const std::byte* blocks, std::size_t count) noexcept {
  if (kernel != nullptr) {
    kernel->compress(state.data(), &blocks, count);
    return;
  }
  // Whole blocks only, the padding among them: libsodium's own count and buffer stay out of it.
  crypto_hash_sha256_state sodium{};
  std::copy(state.begin(), state.end(), std::begin(sodium.state));
  crypto_hash_sha256_update(&sodium, reinterpret_cast<const unsigned char*>(blocks), count * kSha256BlockBytes);
  std::copy(std::begin(sodium.state), std::end(sodium.state), state.begin());
}

Sha256Tail::Sha256Tail(const std::byte* rest, std::size_t rest_bytes, std::uint64_t message_bytes) noexcept {
  constexpr std::size_t kLengthBytes = 8;
  count_ = rest_bytes + 1 + kLengthBytes <= kSha256BlockBytes ? 1 : 2;
  if (rest_bytes > 0) std::memcpy(bytes_.data(), rest, rest_bytes);
  bytes_[rest_bytes] = std::byte{0x80};
  const std::uint64_t bits = message_bytes * 8;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    bytes_[count_ * kSha256BlockBytes - 1 - i] = static_cast<std::byte>(bits >> (8 * i));
  }
}

Digest digest_of(const Sha256State& state) noexcept {
  std::array<std::byte, Digest::kSizeBytes> bytes{};
  for (std::size_t word = 0; word < state.size(); ++word) {
    for (std::size_t i = 0; i < 4; ++i) bytes[4 * word + i] = static_cast<std::byte>(state[word] >> (24 - 8 * i));
  }
  return Digest(bytes);
}

}  // namespace pfcache
