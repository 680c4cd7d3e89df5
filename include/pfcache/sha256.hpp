// SHA-256 of one stream of bytes, and of many at once.
//
// Example:
//
//   #include <pfcache/sha256.hpp>
//   #include <iostream>
//   #include <string_view>
//
//   int main() {
//     const std::string_view message = "abc";
//     const pfcache::Digest digest = pfcache::sha256(std::as_bytes(std::span(message)));
//     std::cout << digest.hex().substr(0, 16) << '\n';  // prints ba7816bf8f01cfea
//   }
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

#include "pfcache/digest.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// Hashes bytes that arrive in pieces. One object is one message; not thread-safe.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  /// Appends `bytes` to the message; empty is allowed and changes nothing.
  void update(std::span<const std::byte> bytes) noexcept;

  /// Ends the message and returns its digest. REQUIRES: not called before on this object.
  [[nodiscard]] Digest finish() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The digest of a message that is there as a whole.
[[nodiscard]] Digest sha256(std::span<const std::byte> bytes) noexcept;

/// The digests of many messages: `digests[i]` is that of `messages[i]`. Many times faster than one after the other
/// where the CPU has wide registers, and best with 16 messages or more of about one length. REQUIRES: as many digests
/// as messages.
void sha256_many(std::span<const std::span<const std::byte>> messages, std::span<Digest> digests) noexcept;

/// By which instructions that is done on this CPU: `avx512`, `avx2`, `sha-ni`, …
struct Sha256Kernels {
  std::string_view many;  ///< sha256_many()
  std::string_view one;   ///< Sha256 and sha256()
};
[[nodiscard]] Sha256Kernels sha256_kernels() noexcept;

}  // namespace pfcache
#pragma GCC visibility pop
