#include "snapshot/store_config.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

toml::table parse_toml(std::string_view text, std::string_view name) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw Error(Errc::malformed, fmt::format("{}: line {}: {}", name, error.source().begin.line, error.description()));
  }
}

void check_format(const toml::table& table, std::string_view name) {
  const auto format = table["format"].value_exact<std::int64_t>();
  if (!format) throw Error(Errc::malformed, fmt::format("{}: expected `format = {}`", name, kStoreFormat));
  if (*format > kStoreFormat) {
    throw Error(Errc::unsupported, fmt::format("{}: store format {} is newer than this version, which handles {}", name,
                                               *format, kStoreFormat));
  }
  if (*format < kStoreFormat) {
    throw Error(Errc::malformed, fmt::format("{}: 'format': expected {}, found {}", name, kStoreFormat, *format));
  }
}

Profile read_profile(const toml::node& node, std::string_view name) {
  const auto text = node.value_exact<std::string_view>();
  const auto profile = text ? profile_named(*text) : std::nullopt;
  if (profile) return *profile;
  throw Error(Errc::malformed, fmt::format("{}: 'profile': expected 'auto' or 'pf-core'{}", name,
                                           text ? fmt::format(", found '{}'", text->substr(0, 60)) : ""));
}

bool read_adopted(const toml::node& node, std::string_view name) {
  if (const auto adopted = node.value_exact<bool>()) return *adopted;
  throw Error(Errc::malformed, fmt::format("{}: 'adopted': expected true or false", name));
}

std::chrono::seconds read_duration(const toml::node& node, std::string_view key, std::string_view name) {
  const auto text = node.value_exact<std::string_view>();
  const auto duration = text ? parse_duration(*text) : std::nullopt;
  if (duration) return *duration;
  throw Error(Errc::malformed, fmt::format("{}: '{}': expected a length of time such as \"24h\"{}", name, key,
                                           text ? fmt::format(", found '{}'", text->substr(0, 60)) : ""));
}

}  // namespace

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
  if (config.staging_keep != Store::kDefaultStagingKeep) {
    text += fmt::format("staging_keep = \"{}\"\n", duration_text(config.staging_keep));
  }
  return text;
}

StoreConfig parse_config(std::string_view text, std::string_view name) {
  const toml::table table = parse_toml(text, name);
  // The format comes first: what a newer one says can't be judged key by key.
  check_format(table, name);
  StoreConfig config;
  for (const auto& [key, node] : table) {
    if (key == "format") continue;
    if (key == "profile") {
      config.profile = read_profile(node, name);
    } else if (key == "adopted") {
      config.adopted = read_adopted(node, name);
    } else if (key == "staging_keep") {
      config.staging_keep = read_duration(node, key.str(), name);
    } else {
      // A key that is not understood might be the one that matters.
      throw Error(Errc::malformed, fmt::format("{}: unknown key '{}'", name, key.str()));
    }
  }
  return config;
}

}  // namespace pfcache
