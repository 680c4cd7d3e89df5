#include "pfcache/size.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

namespace pfcache {
namespace {

struct Unit {
  std::string_view name;
  unsigned shift;
};
// Ascending; of two with one meaning the one that is written comes last.
constexpr std::array<Unit, 11> kUnits = {{{"B", 0},
                                          {"", 0},
                                          {"K", 10},
                                          {"KiB", 10},
                                          {"M", 20},
                                          {"MiB", 20},
                                          {"G", 30},
                                          {"GiB", 30},
                                          {"T", 40},
                                          {"TiB", 40},
                                          {"PiB", 50}}};

std::optional<unsigned> shift_of(std::string_view unit) noexcept {
  for (const Unit& known : kUnits) {
    if (known.name == unit) return known.shift;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) noexcept {
  std::uint64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  if (error != std::errc()) return std::nullopt;
  const auto shift = shift_of({stop, static_cast<std::size_t>(end - stop)});
  if (!shift || count > (std::numeric_limits<std::uint64_t>::max() >> *shift)) return std::nullopt;
  return count << *shift;
}

std::string size_text(std::uint64_t bytes) {
  for (auto unit = kUnits.rbegin(); unit != kUnits.rend(); ++unit) {
    const std::uint64_t count = bytes >> unit->shift;
    if (count != 0 && count << unit->shift == bytes) return fmt::format("{}{}", count, unit->name);
  }
  return "0";
}

}  // namespace pfcache
