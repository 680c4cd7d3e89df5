// The key of warm starts: what a computation depends on, hashed field by field.
//
// Two computations have the same key when they absorb the same fields in the same order. The framing is that of gam's
// warm-start cache, so that keys agree with those that gam makes.
//
// Example:
//
//   #include <pfcache/fingerprint.hpp>
//   #include <iostream>
//   #include <vector>
//
//   int main() {
//     const std::vector<double> x{1, 2, 3, 4, 5, 6};
//     pfcache::Fingerprinter fingerprinter;
//     fingerprinter.absorb_str("family", "binomial");
//     fingerprinter.absorb_f64_2d("x", 2, 3, x);
//     const pfcache::Fingerprint key = fingerprinter.finalize();
//     std::cout << key.hex().substr(0, 8) << '\n';  // prints 58d1e5fb
//   }
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pfcache/digest.hpp"
#include "pfcache/sha256.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// A plain value: 32 bytes, compared as bytes.
class Fingerprint {
 public:
  constexpr Fingerprint() = default;
  explicit constexpr Fingerprint(const Digest& digest) : digest_(digest) {}

  /// Reads exactly 64 lower-case hex digits. Throws: Errc::invalid_argument, quoting the text.
  [[nodiscard]] static Fingerprint parse(std::string_view hex);

  /// As parse(), with nothing for a text that is no fingerprint.
  [[nodiscard]] static std::optional<Fingerprint> try_parse(std::string_view hex) noexcept;

  /// 64 lower-case hex digits.
  [[nodiscard]] std::string hex() const { return digest_.hex(); }

  [[nodiscard]] constexpr std::span<const std::byte, Digest::kSizeBytes> bytes() const noexcept {
    return digest_.bytes();
  }

  friend constexpr bool operator==(const Fingerprint&, const Fingerprint&) = default;
  friend constexpr auto operator<=>(const Fingerprint&, const Fingerprint&) = default;

 private:
  Digest digest_;
};

/// How fields become bytes. Every field starts with the length of its tag, u32, and the tag; numbers are little-endian.
enum class Framing {
  untyped,  ///< gam's first: nothing says what a field is, so that f64 and u64 of one tag and bit pattern are the same
  typed,    ///< gam's second: a byte before the tag says what the field is
};

/// Absorbs fields and gives their fingerprint. One object is one key; not thread-safe.
class Fingerprinter {
 public:
  explicit Fingerprinter(Framing framing = Framing::typed) noexcept : framing_(framing) {}

  /// A field that is its tag alone: a separator.
  void absorb_tag(std::string_view tag);
  void absorb_bytes(std::string_view tag, std::span<const std::byte> bytes);
  void absorb_str(std::string_view tag, std::string_view text);
  void absorb_u64(std::string_view tag, std::uint64_t number);
  /// By its bits: 0.0 and -0.0 differ, and so do NaNs.
  void absorb_f64(std::string_view tag, double number);
  void absorb_f64_slice(std::string_view tag, std::span<const double> numbers);
  /// Throws: Errc::invalid_argument unless there are rows × columns numbers.
  void absorb_f64_2d(std::string_view tag, std::size_t rows, std::size_t columns, std::span<const double> numbers);

  /// REQUIRES: not called before on this object.
  [[nodiscard]] Fingerprint finalize() noexcept { return Fingerprint(hash_.finish()); }

 private:
  enum class Type : std::uint8_t { tag, bytes, str, u64, f64, f64_slice, f64_2d };

  void begin(Type type, std::string_view tag);
  void append_number(std::uint64_t number);
  void append_word(std::string_view tag, Type type, std::uint64_t word);
  void append_f64s(std::span<const double> numbers);

  Framing framing_;
  Sha256 hash_;
};

}  // namespace pfcache
#pragma GCC visibility pop
