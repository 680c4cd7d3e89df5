#include "cli/mount_window.hpp"

namespace pfcache::cli {

std::uint64_t MountWindow::growth(MountValue counter) const noexcept {
  return now[counter] > earlier[counter] ? now[counter] - earlier[counter] : 0;
}

double MountWindow::per_second(std::uint64_t count) const noexcept {
  return seconds > 0 ? static_cast<double>(count) / seconds : 0;
}

std::uint64_t MountWindow::opens() const noexcept {
  return growth(MountValue::page_opens) + growth(MountValue::half_opens) + growth(MountValue::manifest_opens) +
         growth(MountValue::written_opens) + growth(MountValue::other_opens);
}

std::optional<double> MountWindow::hit_ratio() const noexcept {
  const auto hits = static_cast<double>(growth(MountValue::hot_hits));
  const auto misses = static_cast<double>(growth(MountValue::hot_misses));
  if (hits + misses == 0) return std::nullopt;
  return hits / (hits + misses);
}

LatencyHistogram MountWindow::latency(MountOperation operation) const noexcept {
  return now.latency(operation).since(earlier.latency(operation));
}

MountWindow window_between(const MountMetrics& earlier, const MountMetrics& now, double seconds, double up_seconds) {
  if (earlier[MountValue::start_time] != now[MountValue::start_time]) return {{}, now, up_seconds, up_seconds};
  return {earlier, now, seconds, up_seconds};
}

}  // namespace pfcache::cli
