// The name of a blob: the SHA-256 of its plain bytes.
//
// Example:
//
//   #include <pfcache/digest.hpp>
//   #include <iostream>
//
//   int main() {
//     const std::string text = "sha256:" + std::string(64, 'a');
//     if (const auto name = pfcache::Digest::try_parse(text)) std::cout << name->hex().size() << '\n';  // prints 64
//   }
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// 32 bytes, compared as bytes. A plain value; the default is all zeros, which names nothing in practice.
class Digest {
 public:
  static constexpr std::size_t kSizeBytes = 32;
  static constexpr std::size_t kHexChars = 2 * kSizeBytes;

  constexpr Digest() = default;
  explicit constexpr Digest(const std::array<std::byte, kSizeBytes>& bytes) : bytes_(bytes) {}

  /// Reads `sha256:` and 64 lower-case hex digits, or the 64 digits alone; nothing else.
  /// Throws: Errc::malformed, quoting the text.
  [[nodiscard]] static Digest parse(std::string_view text);

  /// As parse(), with nothing for text that is not a digest.
  [[nodiscard]] static std::optional<Digest> try_parse(std::string_view text) noexcept;

  /// 64 lower-case hex digits: the form of paths and of our tools.
  [[nodiscard]] std::string hex() const;

  /// `sha256:` and the hex digits: the form inside manifests.
  [[nodiscard]] std::string text() const;

  [[nodiscard]] constexpr std::span<const std::byte, kSizeBytes> bytes() const noexcept { return bytes_; }

  /// The first eight bytes as a little-endian number: uniform, for hash tables and inode numbers.
  [[nodiscard]] std::uint64_t prefix64() const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof value; ++i) value |= std::to_integer<std::uint64_t>(bytes_[i]) << (8 * i);
    return value;
  }

  friend constexpr bool operator==(const Digest&, const Digest&) = default;
  friend constexpr auto operator<=>(const Digest&, const Digest&) = default;

 private:
  std::array<std::byte, kSizeBytes> bytes_{};
};

}  // namespace pfcache
#pragma GCC visibility pop

template <>
struct std::hash<pfcache::Digest> {
  std::size_t operator()(const pfcache::Digest& digest) const noexcept { return digest.prefix64(); }
};
