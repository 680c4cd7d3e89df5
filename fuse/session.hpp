// One mount, from mounting to unmounting.
#pragma once

#include <functional>

#include "fuse/log.hpp"
#include "fuse/mount_options.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

/// Mounts `store` as `options` say and serves it until it is unmounted or SIGTERM, SIGINT or SIGHUP comes; then the
/// directory is unmounted. A mount that is a fake ends before the kernel hears of it. `on_serving` is called once the
/// kernel asks: from then on everything works. REQUIRES: options.directory is absolute. Throws: when it can't be
/// mounted (libfuse has told the details on stderr) or the connection to the kernel breaks.
void serve(Store& store, const MountOptions& options, Log& log, const std::function<void()>& on_serving);

}  // namespace pfcache::fuse
