// The directory that is mounted on, and what stands there already.
//
// For the one thread that mounts. Throws: system errors naming the directory.
#pragma once

#include <string>

#include "fuse/log.hpp"

namespace pfcache::fuse {

/// The absolute path of `directory` without links. What is mounted on it need not answer.
[[nodiscard]] std::string resolve_mount_point(const std::string& directory);

/// Makes sure that one can mount on `directory`, a resolved path. Mounts of pfcache whose daemon is gone are taken
/// away, with a line in the log, unless `is_fake`; those of others are left as they are. Throws: Errc::busy when a
/// mount of pfcache serves there.
void prepare_mount_point(const std::string& directory, bool is_fake, Log& log);

}  // namespace pfcache::fuse
