// STORE/config.toml: keys that say what the store is, and its layer of settings. A function without state, for any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "config/settings_layer.hpp"

namespace pfcache {

inline constexpr std::int64_t kStoreFormat = 1;

struct StoreFile {
  std::string profile = "auto";  ///< or `pf-core`
  bool adopted = false;          ///< pf-core wrote the store before it was ours
  SettingsLayer layer;           ///< with the problems of these keys, too
};

/// Throws: Errc::malformed, naming `name`, for a text that is not TOML or not of a store; Errc::unsupported for a newer
/// format.
[[nodiscard]] StoreFile read_store_file(std::string_view text, const std::string& name);

}  // namespace pfcache
