#include <numeric>

#include "pfcache/mount_metrics.hpp"

namespace pfcache {

std::uint64_t LatencyHistogram::count() const noexcept {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

double LatencyHistogram::quantile(double q) const noexcept {
  const double rank = q * static_cast<double>(count());
  double before = 0;
  for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) {
    const auto here = static_cast<double>(counts[i]);
    if (here > 0 && before + here >= rank) {
      const double low = i == 0 ? 0 : kLatencyBounds[i - 1];
      return low + (kLatencyBounds[i] - low) * (rank - before) / here;
    }
    before += here;
  }
  return counts.back() == 0 ? 0 : kLatencyBounds.back();
}

LatencyHistogram LatencyHistogram::since(const LatencyHistogram& earlier) const noexcept {
  LatencyHistogram added;
  for (std::size_t i = 0; i < kLatencyBuckets; ++i) added.counts[i] = counts[i] - earlier.counts[i];
  added.sum_seconds = sum_seconds - earlier.sum_seconds;
  return added;
}

}  // namespace pfcache
