#include "config/setting_rules.hpp"

#include <algorithm>
#include <charconv>

#include "pfcache/duration.hpp"
#include "pfcache/size.hpp"

namespace pfcache {
namespace {

constexpr std::array<std::string_view, 3> kEncodings = {"auto", "zst19", "raw"};
constexpr std::array<std::string_view, 2> kPolicies = {"value", "lru"};
constexpr std::array<std::string_view, 2> kPlaces = {"memory", "none"};
constexpr std::array<std::string_view, 3> kPassthrough = {"auto", "off", "require"};
constexpr std::array<std::string_view, 2> kVerify = {"once", "always"};

constexpr std::string_view kSize = "a size such as \"512MiB\" or a number of bytes";
constexpr std::string_view kDuration = "a length of time such as \"90s\", \"15m\", \"1h\" or \"7d\"";
constexpr std::string_view kBoolean = "true or false";

// The defaults are those of the library's options, and so are the limits; tests hold them together.
constexpr std::array<SettingRule, kSettingCount> kRules = {{
    {.setting = Setting::store,
     .name = "store",
     .kind = SettingKind::text,
     .default_text = std::nullopt,
     .expected = "an absolute path",
     .takes_path = true,
     .in_store = false},
    {.setting = Setting::encoding,
     .name = "encoding",
     .kind = SettingKind::text,
     .default_text = "auto",
     .expected = "\"auto\", \"zst19\" or \"raw\"",
     .words = kEncodings},
    {.setting = Setting::staging_keep,
     .name = "staging_keep",
     .kind = SettingKind::duration,
     .default_text = "1d",
     .expected = kDuration},
    {.setting = Setting::gc_grace,
     .name = "gc.grace",
     .kind = SettingKind::duration,
     .default_text = "1h",
     .expected = kDuration},
    {.setting = Setting::gc_wait,
     .name = "gc.wait",
     .kind = SettingKind::duration,
     .default_text = "10s",
     .expected = kDuration},
    {.setting = Setting::prompt_budget,
     .name = "prompt.budget",
     .kind = SettingKind::size,
     .default_text = "8GiB",
     .expected = "a size such as \"8GiB\" or a number of bytes, at least \"64MiB\"",
     .min = std::uint64_t{64} << 20},
    {.setting = Setting::prompt_policy,
     .name = "prompt.policy",
     .kind = SettingKind::text,
     .default_text = "value",
     .expected = "\"value\" or \"lru\"",
     .words = kPolicies},
    {.setting = Setting::prompt_dedup,
     .name = "prompt.dedup",
     .kind = SettingKind::boolean,
     .default_text = "false",
     .expected = kBoolean},
    {.setting = Setting::warm_budget,
     .name = "warm.budget",
     .kind = SettingKind::size,
     .default_text = "1GiB",
     .expected = kSize},
    {.setting = Setting::warm_ttl,
     .name = "warm.ttl",
     .kind = SettingKind::duration,
     .default_text = "30d",
     .expected = kDuration},
    {.setting = Setting::mount_hot,
     .name = "mount.hot",
     .kind = SettingKind::text,
     .default_text = "memory",
     .expected = "\"memory\", \"none\" or an absolute path",
     .words = kPlaces,
     .takes_path = true},
    {.setting = Setting::mount_hot_size,
     .name = "mount.hot_size",
     .kind = SettingKind::size,
     .default_text = std::nullopt,
     .expected = kSize},
    {.setting = Setting::mount_passthrough,
     .name = "mount.passthrough",
     .kind = SettingKind::text,
     .default_text = "auto",
     .expected = "\"auto\", \"off\" or \"require\"",
     .words = kPassthrough},
    {.setting = Setting::mount_verify,
     .name = "mount.verify",
     .kind = SettingKind::text,
     .default_text = "once",
     .expected = "\"once\" or \"always\"",
     .words = kVerify},
    {.setting = Setting::mount_threads,
     .name = "mount.threads",
     .kind = SettingKind::number,
     .default_text = "0",
     .expected = "a whole number from 0 to 1024",
     .max = 1024},
}};

constexpr bool are_in_order() {
  for (std::size_t i = 0; i < kRules.size(); ++i) {
    if (kRules[i].setting != static_cast<Setting>(i)) return false;
  }
  return true;
}
static_assert(are_in_order(), "a setting is the index of its rule");

std::optional<std::string> normalized_size(const SettingRule& rule, std::optional<std::uint64_t> bytes) {
  if (!bytes || *bytes < rule.min) return std::nullopt;
  return size_text(*bytes);
}

std::optional<std::string> normalized_number(const SettingRule& rule, std::int64_t number) {
  if (number < 0 || static_cast<std::uint64_t>(number) > rule.max) return std::nullopt;
  return std::to_string(number);
}

/// A relative path would mean another place for everybody who reads the file.
std::optional<std::string> normalized_string(const SettingRule& rule, const std::string& text) {
  if (rule.kind == SettingKind::size) return normalized_size(rule, parse_size(text));
  if (rule.kind == SettingKind::duration) {
    const auto duration = parse_duration(text);
    return duration ? std::optional(duration_text(*duration)) : std::nullopt;
  }
  if (rule.kind != SettingKind::text) return std::nullopt;
  const bool is_word = std::ranges::find(rule.words, text) != rule.words.end();
  const bool is_path = rule.takes_path && text.starts_with('/') && text.find('\0') == std::string::npos;
  return is_word || is_path ? std::optional(text) : std::nullopt;
}

std::optional<std::string> normalized_integer(const SettingRule& rule, std::int64_t number) {
  if (rule.kind == SettingKind::number) return normalized_number(rule, number);
  if (rule.kind != SettingKind::size || number < 0) return std::nullopt;
  return normalized_size(rule, static_cast<std::uint64_t>(number));
}

}  // namespace

std::span<const SettingRule> all_rules() noexcept { return kRules; }

const SettingRule& rule_of(Setting setting) noexcept { return kRules[static_cast<std::size_t>(setting)]; }

std::optional<std::string> normalized(const SettingRule& rule, const TomlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return normalized_string(rule, *text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return normalized_integer(rule, *number);
  const auto* flag = std::get_if<bool>(&value);
  if (flag == nullptr || rule.kind != SettingKind::boolean) return std::nullopt;
  return *flag ? "true" : "false";
}

std::optional<std::string> normalized_text(const SettingRule& rule, std::string_view text) {
  if (rule.kind == SettingKind::boolean) {
    const bool is_known = text == "true" || text == "false";
    return is_known ? std::optional(std::string(text)) : std::nullopt;
  }
  if (rule.kind != SettingKind::number) return normalized_string(rule, std::string(text));
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stop == end ? normalized_number(rule, number) : std::nullopt;
}

}  // namespace pfcache
