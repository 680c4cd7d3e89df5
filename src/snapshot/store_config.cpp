#include "snapshot/store_config.hpp"

#include <fmt/format.h>

#include "config/store_file.hpp"
#include "pfcache/config.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"

namespace pfcache {

std::string_view name_of(Profile profile) noexcept { return profile == Profile::pf_core ? "pf-core" : "auto"; }

std::optional<Profile> profile_named(std::string_view name) noexcept {
  for (const Profile profile : {Profile::automatic, Profile::pf_core}) {
    if (name_of(profile) == name) return profile;
  }
  return std::nullopt;
}

std::string to_toml(const StoreConfig& config) {
  std::string text = fmt::format("format = {}\n", kStoreFormat);
  if (config.profile != Profile::automatic) text += fmt::format("profile = \"{}\"\n", name_of(config.profile));
  if (config.adopted) text += "adopted = true\n";
  return text;
}

StoreConfig parse_config(std::string_view text, const std::string& name) {
  const StoreFile file = read_store_file(text, name);
  // A key that is not understood might be the one that matters.
  if (!file.layer.problems.empty()) {
    throw Error(file.layer.problems.front().code, file.layer.problems.front().message);
  }
  StoreConfig config{profile_named(file.profile).value(), file.adopted, {}};
  const auto& values = file.layer.values;
  if (const auto it = values.find(Setting::encoding); it != values.end()) {
    config.settings.encoding = encoding_named(it->second.text.value());
  }
  if (const auto it = values.find(Setting::staging_keep); it != values.end()) {
    config.settings.staging_keep = parse_duration(it->second.text.value());
  }
  return config;
}

StoreOptions StoreOptions::from(const Config& config) {
  return {encoding_named(config.text(Setting::encoding)), config.duration(Setting::staging_keep)};
}

EncodingPolicy encoding_of(Profile profile, const StoreOptions& settings) noexcept {
  // What pf-core can't read is never written where it reads, whatever somebody prefers elsewhere.
  if (profile == Profile::pf_core) return EncodingPolicy::zstd_19;
  return settings.encoding.value_or(EncodingPolicy::automatic);
}

}  // namespace pfcache
