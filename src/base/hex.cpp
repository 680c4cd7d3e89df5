#include "base/hex.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace pfcache {
namespace {

// What each character stands for; kNoDigit's high bits show in whatever it is combined with. A table, since a manifest
// of 100,000 pages has 12 million digits, whose values no branch predictor guesses.
constexpr std::uint8_t kNoDigit = 0xFF;
constexpr std::array<std::uint8_t, 256> kValues = [] {
  std::array<std::uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (std::size_t digit = 0; digit < 16; ++digit) {
    values[static_cast<unsigned char>("0123456789abcdef"[digit])] = static_cast<std::uint8_t>(digit);
  }
  return values;
}();

std::uint8_t digit_value(char c) noexcept { return kValues[static_cast<unsigned char>(c)]; }

}  // namespace

std::string to_hex(std::span<const std::byte> bytes) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::byte b : bytes) {
    text.push_back(kDigits[std::to_integer<std::size_t>(b >> 4)]);
    text.push_back(kDigits[std::to_integer<std::size_t>(b & std::byte{15})]);
  }
  return text;
}

bool from_hex(std::string_view text, std::span<std::byte> out) noexcept {
  if (text.size() != 2 * out.size()) return false;
  unsigned seen = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const unsigned high = digit_value(text[2 * i]);
    const unsigned low = digit_value(text[2 * i + 1]);
    seen |= high | low;
    out[i] = static_cast<std::byte>(high << 4U | low);
  }
  return seen < 16;
}

bool is_hex(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return digit_value(c) != kNoDigit; });
}

}  // namespace pfcache
