#include "pfcache/config.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>

#include "base/directory.hpp"
#include "config/setting_rules.hpp"
#include "config/settings_layer.hpp"
#include "config/store_file.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"
#include "pfcache/size.hpp"

namespace pfcache {
namespace {

constexpr const char* kFileName = "config.toml";

std::string variable_in(const ConfigSources& sources, const std::string& name) {
  return sources.variable(name).value_or("");
}

/// A directory of the user's: what `variable` names, else `below_home` of the home directory. The XDG specification has
/// relative paths ignored.
std::optional<std::filesystem::path> user_directory(const ConfigSources& sources, const std::string& variable,
                                                    const char* below_home) {
  if (std::filesystem::path named = variable_in(sources, variable); named.is_absolute()) return named;
  const std::filesystem::path home = variable_in(sources, "HOME");
  if (home.is_absolute()) return home / below_home;
  return std::nullopt;
}

std::optional<std::string> default_store(const ConfigSources& sources) {
  if (sources.is_root) return "/var/lib/pfcache";
  const auto data = user_directory(sources, "XDG_DATA_HOME", ".local/share");
  return data ? std::optional((*data / "pfcache").native()) : std::nullopt;
}

/// The text of a file; nothing when it is absent. Throws: system errors; Errc::too_large.
std::optional<std::string> read_text(const std::filesystem::path& path) {
  std::error_code absent;  // or out of reach, as another user's home is to a service
  if (!std::filesystem::is_directory(path.parent_path(), absent)) return std::nullopt;
  return Directory::open(path.parent_path()).read_file(path.filename().native(), kMaxConfigBytes);
}

SettingsLayer read_file(const ConfigFile& file, const std::string& text) {
  if (file.layer == ConfigLayer::store) return read_store_file(text, file.path.native()).layer;
  return read_settings(read_toml(text, file.path.native()), {file.layer, file.path.native()});
}

/// Reads `file`, and notes whether it is there.
SettingsLayer load_file(ConfigFile& file) {
  try {
    const auto text = read_text(file.path);
    file.exists = text.has_value();
    return text ? read_file(file, *text) : SettingsLayer{};
  } catch (const std::system_error& error) {
    return {{}, {{error.code(), reason_of(error)}}};
  }
}

std::vector<ConfigFile> host_files(const ConfigSources& sources) {
  std::vector<ConfigFile> files = {{ConfigLayer::system, sources.root / "etc/pfcache" / kFileName, false}};
  if (const auto config = user_directory(sources, "XDG_CONFIG_HOME", ".config")) {
    files.push_back({ConfigLayer::user, *config / "pfcache" / kFileName, false});
  }
  return files;
}

SettingsLayer built_in(const ConfigSources& sources) {
  SettingsLayer layer;
  for (const SettingRule& rule : all_rules()) {
    if (rule.default_text) layer.values[rule.setting] = {std::string(*rule.default_text), ConfigLayer::built_in, "", 0};
  }
  layer.values[Setting::store] = {default_store(sources), ConfigLayer::built_in, "", 0};
  return layer;
}

SettingsLayer command_line(const ConfigSources& sources) {
  SettingsLayer layer;
  if (sources.store) {
    layer.values[Setting::store] = {sources.store->native(), ConfigLayer::command_line, sources.store_option, 0};
  }
  return layer;
}

/// The store that all layers but its own lead to.
std::optional<std::string> find_store(const std::vector<SettingsLayer>& layers) {
  std::optional<std::string> store;
  for (const SettingsLayer& layer : layers) {
    const auto found = layer.values.find(Setting::store);
    if (found != layer.values.end()) store = found->second.text;
  }
  return store;
}

}  // namespace

std::string ConfigProblem::text() const {
  return code.category() == error_category() ? message : fmt::format("{}: {}", message, code.message());
}

std::string_view name_of(Setting setting) noexcept { return rule_of(setting).name; }

SettingKind kind_of(Setting setting) noexcept { return rule_of(setting).kind; }

std::string variable_of(Setting setting) {
  std::string name = "PFCACHE_";
  for (const char c : name_of(setting)) {
    name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string_view name_of(ConfigLayer layer) noexcept {
  constexpr std::array<std::string_view, 6> kNames = {"default", "system",      "user",
                                                      "store",   "environment", "command line"};
  return kNames[static_cast<std::size_t>(layer)];
}

ConfigSources ConfigSources::of_process() {
  ConfigSources sources;
  sources.variable = [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  sources.is_root = ::geteuid() == 0;
  return sources;
}

Config Config::load(const ConfigSources& sources) {
  Config config;
  config.files_ = host_files(sources);
  std::vector<SettingsLayer> layers = {built_in(sources)};
  for (ConfigFile& file : config.files_) layers.push_back(load_file(file));
  const auto above_store = static_cast<std::ptrdiff_t>(layers.size());
  layers.push_back(read_environment(sources.variable));
  layers.push_back(command_line(sources));
  if (const auto store = find_store(layers)) {
    config.files_.push_back({ConfigLayer::store, std::filesystem::path(*store) / kFileName, false});
    layers.insert(layers.begin() + above_store, load_file(config.files_.back()));
  }
  for (SettingsLayer& layer : layers) {
    for (auto& [setting, value] : layer.values) config.values_[static_cast<std::size_t>(setting)] = std::move(value);
    std::ranges::move(layer.problems, std::back_inserter(config.problems_));
  }
  return config;
}

const ConfigValue& Config::value(Setting setting) const noexcept { return values_[static_cast<std::size_t>(setting)]; }

const std::string& Config::text(Setting setting) const { return value(setting).text.value(); }

std::uint64_t Config::size_bytes(Setting setting) const { return parse_size(text(setting)).value(); }

std::chrono::seconds Config::duration(Setting setting) const { return parse_duration(text(setting)).value(); }

std::uint32_t Config::number(Setting setting) const { return static_cast<std::uint32_t>(std::stoul(text(setting))); }

bool Config::is_on(Setting setting) const { return text(setting) == "true"; }

std::filesystem::path Config::store_path() const {
  if (const auto& text = value(Setting::store).text) return *text;
  throw Error(Errc::invalid_argument, "no store is named and $HOME is unset: expected --store DIR or $PFCACHE_STORE");
}

void Config::require_sound() const {
  if (!problems_.empty()) throw Error(problems_.front().code, problems_.front().message);
}

}  // namespace pfcache
