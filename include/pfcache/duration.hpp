// Lengths of time as people write them.
//
// Example:
//
//   #include <pfcache/duration.hpp>
//   #include <iostream>
//
//   int main() {
//     if (const auto grace = pfcache::parse_duration("90m")) std::cout << grace->count() << " s\n";  // prints 5400 s
//   }
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// The longest that is read: 100 years, far from overflowing any clock.
inline constexpr std::chrono::seconds kMaxDuration = std::chrono::hours(24) * 36'525;

/// `90s`, `15m`, `1h`, `7d`, `0`; one whole number and one unit, which only 0 may lack. Nothing for any other text.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept;

/// What parse_duration() reads as the same length, in the largest unit that it is a whole number of.
[[nodiscard]] std::string duration_text(std::chrono::seconds duration);

}  // namespace pfcache
#pragma GCC visibility pop
