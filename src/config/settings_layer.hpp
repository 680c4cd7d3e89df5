// One layer of settings, as a file or the environment has it. Functions without state, for any thread.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "config/toml_reader.hpp"
#include "pfcache/config.hpp"

namespace pfcache {

struct SettingsLayer {
  std::map<Setting, ConfigValue> values;
  std::vector<ConfigProblem> problems;
};

/// Where entries come from.
struct LayerFile {
  ConfigLayer layer = ConfigLayer::system;
  std::string name;                                 ///< for messages
  std::span<const std::string_view> own_keys = {};  ///< that are no settings, and somebody else's to read
};

/// The settings among `entries`. A key that is neither known nor one of `own_keys` is a problem.
[[nodiscard]] SettingsLayer read_settings(std::span<const TomlEntry> entries, const LayerFile& file);

/// The settings that variables have. An empty one counts as unset, and unknown ones are somebody else's.
[[nodiscard]] SettingsLayer read_environment(
    const std::function<std::optional<std::string>(const std::string&)>& variable);

/// `FILE: line N: 'KEY': expected …, found …`
[[nodiscard]] ConfigProblem wrong_value(const LayerFile& file, const TomlEntry& entry, std::string_view expected);

}  // namespace pfcache
