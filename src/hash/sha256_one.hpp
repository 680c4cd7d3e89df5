// The blocks of one message: what is left when there is nothing to put beside it in a SIMD register.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "hash/sha256_kernels.hpp"
#include "pfcache/digest.hpp"

namespace pfcache {

using Sha256State = std::array<std::uint32_t, 8>;

/// The kernel for one message of this CPU; null when it has none, and libsodium does the work.
[[nodiscard]] const Sha256Kernel* one_message_kernel() noexcept;

/// Takes `count` blocks into `state`, by `kernel` or, when it is null, by libsodium.
void compress_one(const Sha256Kernel* kernel, Sha256State& state, const std::byte* blocks, std::size_t count) noexcept;

/// The end of a message of `message_bytes`: its last, incomplete block, the padding and the length, as one block or
/// two.
class Sha256Tail {
 public:
  Sha256Tail() = default;
  /// REQUIRES: rest_bytes < kSha256BlockBytes.
  Sha256Tail(const std::byte* rest, std::size_t rest_bytes, std::uint64_t message_bytes) noexcept;

  [[nodiscard]] const std::byte* blocks() const noexcept { return bytes_.data(); }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  std::size_t count_ = 0;
  std::array<std::byte, 2 * kSha256BlockBytes> bytes_{};
};

[[nodiscard]] Digest digest_of(const Sha256State& state) noexcept;

}  // namespace pfcache
