// Mount options that the configuration sets: a setting is the option of its name, `mount.hot_size` is hot_size= and
// `prompt.budget` is prompt_budget=, where there is such an option. Functions without state, for any thread.
#pragma once

#include <string>

#include "fuse/mount_options.hpp"
#include "pfcache/config.hpp"

namespace pfcache::fuse {

/// The name under which a mount would have this setting as an option.
[[nodiscard]] std::string option_name_of(Setting setting);

/// What a mount is told by all layers but its command line, which goes over it.
/// Throws: Errc::invalid_argument for a value that the option refuses.
[[nodiscard]] MountOptions configured_options(const Config& config);

/// The configuration for a mount of `store`. Throws: what is wrong with it.
[[nodiscard]] Config load_config(const std::string& store);

}  // namespace pfcache::fuse
