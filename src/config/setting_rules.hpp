// What each setting may be. Functions without state, for any thread.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "config/toml_reader.hpp"
#include "pfcache/config.hpp"

namespace pfcache {

struct SettingRule {
  Setting setting;
  std::string_view name;
  SettingKind kind;
  std::optional<std::string_view> default_text;  ///< nothing: it depends on the machine
  std::string_view expected;                     ///< what a message says that it should be
  std::span<const std::string_view> words = {};  ///< of a text; empty: it is a path
  bool takes_path = false;                       ///< besides the words
  std::uint64_t min = 0;                         ///< of a size
  std::uint64_t max = UINT64_MAX;                ///< of a number
  bool in_store = true;                          ///< whether a store's own file may have it
};

[[nodiscard]] const SettingRule& rule_of(Setting setting) noexcept;
[[nodiscard]] std::span<const SettingRule> all_rules() noexcept;

/// The one spelling of `value`; nothing when the setting can't be that.
[[nodiscard]] std::optional<std::string> normalized(const SettingRule& rule, const TomlValue& value);

/// The same of a text from outside TOML, where numbers and truth have no types of their own.
[[nodiscard]] std::optional<std::string> normalized_text(const SettingRule& rule, std::string_view text);

}  // namespace pfcache
