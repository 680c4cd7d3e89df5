// The numbers of a mount as Prometheus reads them: its text format, version 0.0.4.
#pragma once

#include <string>

#include "pfcache/mount_metrics.hpp"

namespace pfcache::fuse {

/// The text of /.pfcache/metrics. Every operation has its histogram, used or not; errors are there once they occur.
[[nodiscard]] std::string to_exposition(const MountMetrics& metrics);

}  // namespace pfcache::fuse
