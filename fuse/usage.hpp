// The help of mount.pfcache. For any thread. Throws: std::bad_alloc only.
#pragma once

#include <string>

namespace pfcache::fuse {

/// What --help prints.
[[nodiscard]] std::string usage();

}  // namespace pfcache::fuse
