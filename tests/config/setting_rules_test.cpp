#include "config/setting_rules.hpp"

#include <doctest/doctest.h>

#include <set>

namespace pfcache::test {
namespace {

using Text = std::optional<std::string>;

Text from_toml(Setting setting, const TomlValue& value) { return normalized(rule_of(setting), value); }
Text from_text(Setting setting, std::string_view text) { return normalized_text(rule_of(setting), text); }

TEST_CASE("every default is a value in its one spelling, and every name and variable its own") {
  std::set<std::string> names;
  for (const SettingRule& rule : all_rules()) {
    CAPTURE(rule.name);
    if (rule.default_text) CHECK(normalized_text(rule, *rule.default_text) == std::string(*rule.default_text));
    CHECK(setting_named(rule.name) == rule.setting);
    CHECK(names.insert(std::string(rule.name)).second);
    CHECK(names.insert(variable_of(rule.setting)).second);
  }
  CHECK(variable_of(Setting::mount_hot_size) == "PFCACHE_MOUNT_HOT_SIZE");
}

TEST_CASE("a size is a text with a unit or a number of bytes, and has a least value") {
  CHECK(from_toml(Setting::prompt_budget, std::string("65536K")) == "64MiB");
  CHECK(from_toml(Setting::prompt_budget, std::int64_t{1} << 30) == "1GiB");
  CHECK_FALSE(from_toml(Setting::prompt_budget, std::string("63MiB")));
  CHECK_FALSE(from_toml(Setting::prompt_budget, std::int64_t{-1}));
  CHECK_FALSE(from_toml(Setting::warm_budget, std::string("1.5G")));
  CHECK_FALSE(from_toml(Setting::warm_budget, true));
  CHECK(from_toml(Setting::warm_budget, std::int64_t{0}) == "0");
}

TEST_CASE("a length of time has a unit") {
  CHECK(from_toml(Setting::gc_grace, std::string("120m")) == "2h");
  CHECK(from_text(Setting::warm_ttl, "0") == "0s");
  CHECK_FALSE(from_toml(Setting::gc_grace, std::string("two hours")));
  CHECK_FALSE(from_toml(Setting::gc_grace, std::int64_t{3600}));
}

TEST_CASE("a number is a number, in TOML and outside it") {
  CHECK(from_toml(Setting::mount_threads, std::int64_t{1024}) == "1024");
  CHECK(from_text(Setting::mount_threads, "8") == "8");
  CHECK_FALSE(from_toml(Setting::mount_threads, std::string("8")));
  CHECK_FALSE(from_toml(Setting::mount_threads, std::int64_t{1025}));
  for (const char* text : {"", "-1", "1025", "0x1", "1 ", "99999999999999999999"}) {
    CAPTURE(text);
    CHECK_FALSE(from_text(Setting::mount_threads, text));
  }
}

TEST_CASE("truth is true or false") {
  CHECK(from_toml(Setting::prompt_dedup, true) == "true");
  CHECK(from_text(Setting::prompt_dedup, "false") == "false");
  CHECK_FALSE(from_toml(Setting::prompt_dedup, std::string("true")));
  CHECK_FALSE(from_toml(Setting::prompt_dedup, std::int64_t{1}));
  CHECK_FALSE(from_text(Setting::prompt_dedup, "yes"));
}

TEST_CASE("a text is one of its words, or a path where it may be one") {
  CHECK(from_toml(Setting::encoding, std::string("raw")) == "raw");
  CHECK_FALSE(from_toml(Setting::encoding, std::string("RAW")));
  CHECK_FALSE(from_toml(Setting::encoding, std::string("/raw")));
  CHECK(from_toml(Setting::mount_hot, std::string("none")) == "none");
  CHECK(from_toml(Setting::mount_hot, std::string("/var/cache/hot")) == "/var/cache/hot");
  CHECK_FALSE(from_toml(Setting::mount_hot, std::string("memroy")));
  CHECK_FALSE(from_toml(Setting::store, std::string("kv")));
  CHECK_FALSE(from_toml(Setting::store, std::string("/kv\0x", 5)));
  CHECK_FALSE(from_toml(Setting::store, std::monostate{}));
}

}  // namespace
}  // namespace pfcache::test
