// Reading the values of arguments. Every function throws Errc::invalid_argument naming the argument, what was expected
// and what was found.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pfcache::cli {

/// More threads than this are refused.
inline constexpr std::uint64_t kMaxThreads = 1024;

/// A decimal whole number, at most `limit`.
[[nodiscard]] std::uint64_t parse_number(std::string_view argument, std::string_view text, std::uint64_t limit);
[[nodiscard]] std::uint32_t parse_u32(std::string_view argument, std::string_view text);
[[nodiscard]] unsigned parse_threads(std::string_view text);

/// A number of bytes: `4096`, `512K`, `64MiB`, `4G`. Units are powers of 1024.
[[nodiscard]] std::uint64_t parse_size(std::string_view argument, std::string_view text);

/// A decimal number with or without an exponent, `nan`, `inf` or `-inf`.
[[nodiscard]] double parse_f64(std::string_view argument, std::string_view text);

/// A length of time: `90s`, `15m`, `1h`, `7d`, `0`.
[[nodiscard]] std::chrono::seconds parse_time(std::string_view argument, std::string_view text);

/// A name for a ref or a file record.
[[nodiscard]] std::string parse_name(std::string_view argument, std::string_view text);

struct SyntheticSource {
  std::uint32_t pages = 0;
  std::uint64_t seed = 0;
};

/// What `synthetic:PAGES:SEED` says; nothing for a text that doesn't start with `synthetic:`.
[[nodiscard]] std::optional<SyntheticSource> parse_synthetic(std::string_view source);

}  // namespace pfcache::cli
