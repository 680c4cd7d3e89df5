// What a mount did between two readings of its numbers.
//
// A plain value. Throws nothing.
#pragma once

#include <cstdint>
#include <optional>

#include "pfcache/mount_metrics.hpp"

namespace pfcache::cli {

struct MountWindow {
  MountMetrics earlier;  ///< all zero for "since it was mounted"
  MountMetrics now;
  double seconds = 0;     ///< between the two
  double up_seconds = 0;  ///< since it was mounted

  /// How much a counter grew. Never negative, also when two readings got mixed up.
  [[nodiscard]] std::uint64_t growth(MountValue counter) const noexcept;

  /// `count` spread over the window; 0 in one without length.
  [[nodiscard]] double per_second(std::uint64_t count) const noexcept;
  [[nodiscard]] double rate(MountValue counter) const noexcept { return per_second(growth(counter)); }

  /// Opens of files that hold data, of every kind.
  [[nodiscard]] std::uint64_t opens() const noexcept;

  /// Which share of the pages asked for were hot; nothing when none was asked for.
  [[nodiscard]] std::optional<double> hit_ratio() const noexcept;

  [[nodiscard]] LatencyHistogram latency(MountOperation operation) const noexcept;
};

/// The one from `earlier` to `now`, or since it was mounted when a mount that began later has taken its place.
[[nodiscard]] MountWindow window_between(const MountMetrics& earlier, const MountMetrics& now, double seconds,
                                         double up_seconds);

}  // namespace pfcache::cli
