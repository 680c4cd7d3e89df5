#include "fuse/configured_options.hpp"

#include <algorithm>

#include "fuse/option_table.hpp"

namespace pfcache::fuse {

std::string option_name_of(Setting setting) {
  constexpr std::string_view kGroup = "mount.";
  std::string_view key = name_of(setting);
  if (key.starts_with(kGroup)) key.remove_prefix(kGroup.size());
  std::string name(key);
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

MountOptions configured_options(const Config& config) {
  MountOptions options;
  for (std::size_t i = 0; i < kSettingCount; ++i) {
    const auto setting = static_cast<Setting>(i);
    const ConfigValue& value = config.value(setting);
    const std::string name = option_name_of(setting);
    if (value.layer == ConfigLayer::built_in || find_mount_option(name) == nullptr) continue;
    static_cast<void>(take_setting(options, {value.source, name, value.text}));
  }
  return options;
}

Config load_config(const std::string& store) {
  ConfigSources sources = ConfigSources::of_process();
  sources.store = store;
  sources.store_option = "the command line";
  Config config = Config::load(sources);
  config.require_sound();
  return config;
}

}  // namespace pfcache::fuse
