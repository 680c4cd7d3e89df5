#include "fuse/metrics.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace pfcache::fuse {
namespace {

constexpr auto kOrder = std::memory_order_relaxed;
constexpr double kNanosPerSecond = 1e9;

constexpr std::array<std::uint64_t, kLatencyBounds.size()> kBoundsNanos = [] {
  std::array<std::uint64_t, kLatencyBounds.size()> nanos{};
  for (std::size_t i = 0; i < nanos.size(); ++i) {
    nanos[i] = static_cast<std::uint64_t>(kLatencyBounds[i] * kNanosPerSecond + 0.5);
  }
  return nanos;
}();

thread_local constinit MountOperation current_operation = MountOperation::lookup;

std::size_t index_of(MountOperation operation) noexcept { return static_cast<std::size_t>(operation); }

const char* errno_name(std::size_t error) noexcept {
  const char* name = ::strerrorname_np(static_cast<int>(error));
  return name != nullptr ? name : "unknown";
}

}  // namespace

void Metrics::add(MountValue counter, std::uint64_t count) noexcept {
  values_.at(static_cast<std::size_t>(counter)).fetch_add(count, kOrder);
}

void Metrics::note(MountOperation operation, std::chrono::nanoseconds took) noexcept {
  const auto nanos = static_cast<std::uint64_t>(std::max<std::int64_t>(took.count(), 0));
  const auto bucket = std::lower_bound(kBoundsNanos.begin(), kBoundsNanos.end(), nanos) - kBoundsNanos.begin();
  Latency& latency = latencies_.at(index_of(operation));
  latency.counts.at(static_cast<std::size_t>(bucket)).fetch_add(1, kOrder);
  latency.sum_nanos.fetch_add(nanos, kOrder);
}

void Metrics::note_error(MountOperation operation, int error) noexcept {
  if (operation == MountOperation::lookup && error == ENOENT) return;
  const std::size_t index = std::min(static_cast<std::size_t>(error), kErrnos - 1);
  errors_.at(index_of(operation)).at(index).fetch_add(1, kOrder);
}

void Metrics::add_to(MountMetrics& metrics) const {
  for (std::size_t i = 0; i < kMountValues; ++i) metrics.values.at(i) += values_.at(i).load(kOrder);
  for (std::size_t i = 0; i < kMountOperations; ++i) {
    const Latency& from = latencies_.at(i);
    LatencyHistogram& to = metrics.latencies.at(i);
    for (std::size_t bucket = 0; bucket < kLatencyBuckets; ++bucket) {
      to.counts.at(bucket) += from.counts.at(bucket).load(kOrder);
    }
    to.sum_seconds += static_cast<double>(from.sum_nanos.load(kOrder)) / kNanosPerSecond;
    for (std::size_t error = 0; error < kErrnos; ++error) {
      const std::uint64_t count = errors_.at(i).at(error).load(kOrder);
      if (count > 0) metrics.errors.push_back({static_cast<MountOperation>(i), errno_name(error), count});
    }
  }
}

OperationTimer::OperationTimer(Metrics& metrics, MountOperation operation) noexcept : metrics_(metrics) {
  current_operation = operation;
}

OperationTimer::~OperationTimer() { metrics_.note(current_operation, std::chrono::steady_clock::now() - start_); }

MountOperation OperationTimer::current() noexcept { return current_operation; }

void OperationTimer::turn_into(MountOperation operation) noexcept { current_operation = operation; }

}  // namespace pfcache::fuse
