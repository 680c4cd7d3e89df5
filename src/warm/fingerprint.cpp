#include "pfcache/fingerprint.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <limits>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"

namespace pfcache {

std::optional<Fingerprint> Fingerprint::try_parse(std::string_view hex) noexcept {
  if (hex.size() != Digest::kHexChars) return std::nullopt;
  const auto digest = Digest::try_parse(hex);
  return digest ? std::optional(Fingerprint(*digest)) : std::nullopt;
}

Fingerprint Fingerprint::parse(std::string_view hex) {
  if (const auto key = try_parse(hex)) return *key;
  constexpr std::size_t kMaxQuoted = 100;
  throw Error(Errc::invalid_argument,
              fmt::format("expected a fingerprint of 64 lower-case hex digits, found '{}'", hex.substr(0, kMaxQuoted)));
}

void Fingerprinter::absorb_tag(std::string_view tag) { begin(Type::tag, tag); }

void Fingerprinter::absorb_bytes(std::string_view tag, std::span<const std::byte> bytes) {
  begin(Type::bytes, tag);
  append_number(bytes.size());
  hash_.update(bytes);
}

void Fingerprinter::absorb_str(std::string_view tag, std::string_view text) {
  begin(Type::str, tag);
  append_number(text.size());
  hash_.update(as_bytes(text));
}

void Fingerprinter::absorb_u64(std::string_view tag, std::uint64_t number) { append_word(tag, Type::u64, number); }

void Fingerprinter::absorb_f64(std::string_view tag, double number) {
  append_word(tag, Type::f64, std::bit_cast<std::uint64_t>(number));
}

void Fingerprinter::absorb_f64_slice(std::string_view tag, std::span<const double> numbers) {
  begin(Type::f64_slice, tag);
  append_number(numbers.size());
  append_f64s(numbers);
}

void Fingerprinter::absorb_f64_2d(std::string_view tag, std::size_t rows, std::size_t columns,
                                  std::span<const double> numbers) {
  const bool overflows = columns != 0 && rows > std::numeric_limits<std::size_t>::max() / columns;
  if (overflows || rows * columns != numbers.size()) {
    throw Error(Errc::invalid_argument, fmt::format("fingerprint: field '{}': expected {} x {} numbers, found {}", tag,
                                                    rows, columns, numbers.size()));
  }
  begin(Type::f64_2d, tag);
  append_number(rows);
  append_number(columns);
  append_f64s(numbers);
}

void Fingerprinter::begin(Type type, std::string_view tag) {
  if (tag.size() > std::numeric_limits<std::uint32_t>::max()) {
    throw Error(Errc::too_large, fmt::format("fingerprint: a tag of {} bytes", tag.size()));
  }
  if (framing_ == Framing::typed) {
    const std::array<std::byte, 1> code = {static_cast<std::byte>(type)};
    hash_.update(code);
  }
  std::array<std::byte, sizeof(std::uint32_t)> length{};
  store_le(static_cast<std::uint32_t>(tag.size()), length);
  hash_.update(length);
  hash_.update(as_bytes(tag));
}

void Fingerprinter::append_number(std::uint64_t number) {
  std::array<std::byte, sizeof number> bytes{};
  store_le(number, bytes);
  hash_.update(bytes);
}

// Where nothing says what a field is, its length does.
void Fingerprinter::append_word(std::string_view tag, Type type, std::uint64_t word) {
  begin(type, tag);
  if (framing_ == Framing::untyped) append_number(sizeof word);
  append_number(word);
}

void Fingerprinter::append_f64s(std::span<const double> numbers) {
  if constexpr (std::endian::native == std::endian::little) {
    hash_.update(std::as_bytes(numbers));
  } else {
    for (const double number : numbers) append_number(std::bit_cast<std::uint64_t>(number));
  }
}

}  // namespace pfcache
