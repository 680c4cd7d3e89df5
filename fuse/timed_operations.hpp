// Measures every request in one place: around the callbacks.
#pragma once

#include "fuse/fuse_api.hpp"

namespace pfcache::fuse {

/// Puts a stop watch around each callback of `ops` that answers a request. To be called once, when all are there.
void time_operations(fuse_lowlevel_ops& ops) noexcept;

}  // namespace pfcache::fuse
