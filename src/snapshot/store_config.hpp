// STORE/config.toml: `format = 1`, and what was changed from the defaults.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "pfcache/store.hpp"

namespace pfcache {

inline constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{64} << 10;
inline constexpr std::int64_t kStoreFormat = 1;

struct StoreConfig {
  Profile profile = Profile::automatic;
  bool adopted = false;                                            ///< pf-core wrote it before it was ours
  std::chrono::seconds staging_keep = Store::kDefaultStagingKeep;  ///< e.g. "24h"
};

/// `auto` or `pf-core`.
[[nodiscard]] std::string_view name_of(Profile profile) noexcept;
[[nodiscard]] std::optional<Profile> profile_named(std::string_view name) noexcept;

/// The text of a configuration, of which parse_config() makes `config` again.
[[nodiscard]] std::string to_toml(const StoreConfig& config);

/// Throws: Errc::malformed naming the key or the line; Errc::unsupported for a newer format.
[[nodiscard]] StoreConfig parse_config(std::string_view text, std::string_view name);

}  // namespace pfcache
