// One mount, from mounting to unmounting.
#pragma once

#include <functional>

#include "fuse/log.hpp"
#include "fuse/mount_options.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

/// What a session tells of itself.
struct SessionEvents {
  std::function<void()> on_serving;  ///< once the kernel asks: from then on everything works
  std::function<void()> on_ending;   ///< before the directory is unmounted, if it is not yet
};

/// Mounts `store` as `options` say and serves it until it is unmounted or SIGTERM, SIGINT or SIGHUP comes; then the
/// directory is unmounted. A mount that is a fake ends before the kernel hears of it.
/// REQUIRES: options.directory is absolute. Throws: when it can't be mounted (libfuse has told the details on stderr)
/// or the connection to the kernel breaks.
void serve(Store& store, const MountOptions& options, Log& log, const SessionEvents& events);

}  // namespace pfcache::fuse
