// SHA-1, for the keys of KVC prompt-cache files: a name, never a proof of integrity.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>

namespace pfcache {

[[nodiscard]] std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) noexcept;

/// Hashes bytes that arrive in pieces, and tells the digest of what came so far at any moment.
class Sha1 {
 public:
  Sha1();
  ~Sha1();
  Sha1(const Sha1&) = delete;
  Sha1& operator=(const Sha1&) = delete;

  void update(std::span<const std::byte> bytes) noexcept;

  /// The digest of all bytes so far; more may follow.
  [[nodiscard]] std::array<std::byte, 20> digest() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace pfcache
