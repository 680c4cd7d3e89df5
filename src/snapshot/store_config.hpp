// STORE/config.toml: what a store is, and the settings that it brings.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pfcache/store.hpp"

namespace pfcache {

struct StoreConfig {
  Profile profile = Profile::automatic;
  bool adopted = false;        ///< pf-core wrote it before it was ours
  StoreOptions settings = {};  ///< those of the file
};

/// `auto` or `pf-core`.
[[nodiscard]] std::string_view name_of(Profile profile) noexcept;
[[nodiscard]] std::optional<Profile> profile_named(std::string_view name) noexcept;

/// The text of a new store's configuration. Settings are for people to add.
[[nodiscard]] std::string to_toml(const StoreConfig& config);

/// Throws: Errc::malformed naming the key and the line; Errc::unsupported for a newer format.
[[nodiscard]] StoreConfig parse_config(std::string_view text, const std::string& name);

/// How blobs are written: as the profile asks, then as `settings` do.
[[nodiscard]] EncodingPolicy encoding_of(Profile profile, const StoreOptions& settings) noexcept;

}  // namespace pfcache
