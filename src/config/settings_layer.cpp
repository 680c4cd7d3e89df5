#include "config/settings_layer.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/setting_rules.hpp"
#include "pfcache/error.hpp"
#include "pfcache/near_word.hpp"

namespace pfcache {
namespace {

// Of what a message quotes.
constexpr std::size_t kMaxQuotedChars = 60;

const SettingRule* find_rule(std::string_view name) noexcept {
  const auto found = std::ranges::find(all_rules(), name, &SettingRule::name);
  return found == all_rules().end() ? nullptr : &*found;
}

std::string in_quotes(std::string_view text) { return fmt::format("'{}'", text.substr(0, kMaxQuotedChars)); }

std::string found_text(const TomlValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return ", found " + in_quotes(*text);
  if (const auto* number = std::get_if<std::int64_t>(&value)) return fmt::format(", found {}", *number);
  if (const auto* flag = std::get_if<bool>(&value)) return fmt::format(", found {}", *flag);
  return "";
}

ConfigProblem problem_in(const LayerFile& file, const TomlEntry& entry, const std::string& what) {
  return {Errc::malformed, fmt::format("{}: line {}: {}", file.name, entry.line, what)};
}

ConfigProblem unknown_key(const LayerFile& file, const TomlEntry& entry) {
  std::vector<std::string_view> known(file.own_keys.begin(), file.own_keys.end());
  for (const SettingRule& rule : all_rules()) known.push_back(rule.name);
  return problem_in(file, entry,
                    fmt::format("unknown key {}{}", in_quotes(entry.key), near_word_hint(entry.key, known)));
}

bool is_group(const std::string& key) {
  return std::ranges::any_of(all_rules(), [&](const auto& rule) { return rule.name.starts_with(key + "."); });
}

/// An empty `[prompt]` says nothing, and nothing wrong.
bool is_empty_group(const TomlEntry& entry) {
  return std::holds_alternative<TomlEmptyTable>(entry.value) && is_group(entry.key);
}

void take_entry(const TomlEntry& entry, const LayerFile& file, SettingsLayer& layer) {
  const SettingRule* rule = find_rule(entry.key);
  if (rule == nullptr) {
    if (is_empty_group(entry)) return;
    layer.problems.push_back(is_group(entry.key) ? wrong_value(file, entry, fmt::format("a table, [{}]", entry.key))
                                                 : unknown_key(file, entry));
    return;
  }
  if (file.layer == ConfigLayer::store && !rule->in_store) {
    layer.problems.push_back(
        problem_in(file, entry, fmt::format("'{}' has no meaning in a store's own file", entry.key)));
    return;
  }
  auto text = normalized(*rule, entry.value);
  if (!text) {
    layer.problems.push_back(wrong_value(file, entry, rule->expected));
    return;
  }
  layer.values[rule->setting] = {std::move(text), file.layer, file.name, entry.line};
}

}  // namespace

ConfigProblem wrong_value(const LayerFile& file, const TomlEntry& entry, std::string_view expected) {
  return problem_in(file, entry,
                    fmt::format("{}: expected {}{}", in_quotes(entry.key), expected, found_text(entry.value)));
}

SettingsLayer read_settings(std::span<const TomlEntry> entries, const LayerFile& file) {
  SettingsLayer layer;
  for (const TomlEntry& entry : entries) {
    if (std::ranges::find(file.own_keys, entry.key) == file.own_keys.end()) take_entry(entry, file, layer);
  }
  return layer;
}

SettingsLayer read_environment(const std::function<std::optional<std::string>(const std::string&)>& variable) {
  SettingsLayer layer;
  for (const SettingRule& rule : all_rules()) {
    const std::string name = variable_of(rule.setting);
    const std::string found = variable(name).value_or("");
    if (found.empty()) continue;
    // Whoever sets a variable has a working directory, so that a relative path means something.
    auto text = rule.setting == Setting::store ? std::optional(found) : normalized_text(rule, found);
    if (text) {
      layer.values[rule.setting] = {std::move(text), ConfigLayer::environment, "$" + name, 0};
    } else {
      layer.problems.push_back(
          {Errc::invalid_argument, fmt::format("${}: expected {}, found {}", name, rule.expected, in_quotes(found))});
    }
  }
  return layer;
}

Setting setting_named(std::string_view name) {
  if (const SettingRule* rule = find_rule(name)) return rule->setting;
  std::vector<std::string_view> known;
  for (const SettingRule& rule : all_rules()) known.push_back(rule.name);
  throw Error(Errc::invalid_argument,
              fmt::format("there is no setting {}{}", in_quotes(name), near_word_hint(name, known)));
}

}  // namespace pfcache
