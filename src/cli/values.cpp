#include "cli/values.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "pfcache/catalog.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"
#include "pfcache/size.hpp"

namespace pfcache::cli {
namespace {

[[noreturn]] void refuse(std::string_view argument, std::string_view expected, std::string_view found) {
  throw Error(Errc::invalid_argument, fmt::format("{}: expected {}, found '{}'", argument, expected, found));
}

}  // namespace

std::uint64_t parse_number(std::string_view argument, std::string_view text, std::uint64_t limit) {
  std::uint64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value > limit) {
    refuse(argument, fmt::format("a whole number, at most {}", limit), text);
  }
  return value;
}

std::uint32_t parse_u32(std::string_view argument, std::string_view text) {
  return static_cast<std::uint32_t>(parse_number(argument, text, std::numeric_limits<std::uint32_t>::max()));
}

unsigned parse_threads(std::string_view text) {
  return static_cast<unsigned>(parse_number("--threads", text, kMaxThreads));
}

std::uint64_t parse_size(std::string_view argument, std::string_view text) {
  const auto size = pfcache::parse_size(text);
  if (!size) refuse(argument, "a size such as 4096, 512M or 4GiB", text);
  return *size;
}

double parse_f64(std::string_view argument, std::string_view text) {
  double value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end) refuse(argument, "a number such as 0.5 or -1e-3", text);
  return value;
}

std::chrono::seconds parse_time(std::string_view argument, std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) refuse(argument, "a length of time such as 90s, 15m, 1h or 7d", text);
  return *duration;
}

std::string parse_name(std::string_view argument, std::string_view text) {
  if (!is_valid_name(text)) {
    refuse(argument, "1 to 128 of A-Z a-z 0-9 . _ -, not starting with a dot and not a digest", text);
  }
  return std::string(text);
}

std::optional<SyntheticSource> parse_synthetic(std::string_view source) {
  constexpr std::string_view kPrefix = "synthetic:";
  if (!source.starts_with(kPrefix)) return std::nullopt;
  const std::string_view rest = source.substr(kPrefix.size());
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos) refuse("SOURCE", "synthetic:PAGES:SEED", source);
  return SyntheticSource{
      parse_u32("PAGES of SOURCE", rest.substr(0, colon)),
      parse_number("SEED of SOURCE", rest.substr(colon + 1), std::numeric_limits<std::uint64_t>::max())};
}

}  // namespace pfcache::cli
