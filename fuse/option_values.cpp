#include "fuse/option_values.hpp"

#include <fmt/format.h>

#include <charconv>
#include <limits>

#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"
#include "pfcache/size.hpp"

namespace pfcache::fuse {
namespace {

[[noreturn]] void refuse(std::string_view option, std::string_view text, std::string_view what) {
  throw Error(Errc::invalid_argument, fmt::format("option '{}': '{}' is not {}", option, text, what));
}

// All of `text` as a number of at most `limit`.
template <typename T>
T parse_number(std::string_view option, std::string_view text, int base, T limit) {
  T value{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (failure != std::errc() || end != text.data() + text.size() || value > limit) {
    refuse(option, text,
           base == 8 ? fmt::format("a number up to {:o} (octal)", limit) : fmt::format("a number up to {}", limit));
  }
  return value;
}

}  // namespace

std::uint32_t parse_id(std::string_view option, std::string_view text) {
  return parse_number(option, text, 10, std::numeric_limits<std::uint32_t>::max() - 1);  // the last one means "none"
}

mode_t parse_umask(std::string_view option, std::string_view text) {
  return parse_number(option, text, 8, mode_t{0777});
}

std::uint64_t parse_byte_count(std::string_view option, std::string_view text) {
  const auto bytes = parse_size(text);
  if (!bytes) refuse(option, text, "a number of bytes such as 1048576, 512M or 64GiB");
  return *bytes;
}

std::chrono::seconds parse_time(std::string_view option, std::string_view text) {
  const auto time = parse_duration(text);
  if (!time) refuse(option, text, "a length of time such as 90s, 15m, 1h or 7d");
  return *time;
}

unsigned parse_threads(std::string_view option, std::string_view text) {
  return parse_number(option, text, 10, kMaxThreads);
}

PassthroughUse parse_passthrough(std::string_view option, std::string_view text) {
  if (text == "auto") return PassthroughUse::automatic;
  if (text == "off") return PassthroughUse::off;
  if (text == "require") return PassthroughUse::required;
  refuse(option, text, "auto, off or require");
}

VerifyWhen parse_verify(std::string_view option, std::string_view text) {
  if (text == "once") return VerifyWhen::once;
  if (text == "always") return VerifyWhen::always;
  refuse(option, text, "once or always");
}

std::uint64_t parse_prompt_budget(std::string_view option, std::string_view text) {
  const std::uint64_t bytes = parse_byte_count(option, text);
  if (bytes < kMinPromptBudgetBytes) refuse(option, text, "64M or more");
  return bytes;
}

EvictionPolicy parse_prompt_policy(std::string_view option, std::string_view text) {
  if (text == "value") return EvictionPolicy::value;
  if (text == "lru") return EvictionPolicy::lru;
  refuse(option, text, "value or lru");
}

HotPlace parse_hot_place(std::string_view option, std::string_view text) {
  if (text.empty()) refuse(option, text, "memory, none or a directory");
  return text == "memory" ? HotPlace::memory : text == "none" ? HotPlace::none : HotPlace::directory;
}

}  // namespace pfcache::fuse
