#include "pfcache/duration.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cstdint>

namespace pfcache {
namespace {

struct Unit {
  char letter;
  std::int64_t seconds;
};
constexpr std::array<Unit, 4> kUnits = {{{'d', 86'400}, {'h', 3600}, {'m', 60}, {'s', 1}}};

}  // namespace

std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc() || count > static_cast<std::uint64_t>(kMaxDuration.count())) return std::nullopt;
  if (stop == end && count == 0) return std::chrono::seconds(0);
  if (end - stop != 1) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (*stop != unit.letter) continue;
    std::int64_t seconds = 0;
    const bool overflows = __builtin_mul_overflow(static_cast<std::int64_t>(count), unit.seconds, &seconds);
    if (overflows || seconds > kMaxDuration.count()) return std::nullopt;
    return std::chrono::seconds(seconds);
  }
  return std::nullopt;
}

std::string duration_text(std::chrono::seconds duration) {
  for (const Unit& unit : kUnits) {
    if (duration.count() % unit.seconds == 0 && duration.count() != 0) {
      return fmt::format("{}{}", duration.count() / unit.seconds, unit.letter);
    }
  }
  return "0s";
}

}  // namespace pfcache
