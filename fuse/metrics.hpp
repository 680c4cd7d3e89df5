// What a mount counts while it works.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pfcache/mount_metrics.hpp"

namespace pfcache::fuse {

/// Counters that only grow. Thread-safe: each is an atomic of its own without order among them, so that counting costs
/// a request nanoseconds; numbers that are read while others count may be one request apart.
class Metrics {
 public:
  Metrics() = default;
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  void add(MountValue counter, std::uint64_t count = 1) noexcept;

  /// A request was answered, which took so long.
  void note(MountOperation operation, std::chrono::nanoseconds took) noexcept;

  /// A request was answered with an errno. That a name isn't there is what a lookup is asked, and no error.
  void note_error(MountOperation operation, int error) noexcept;

  /// Adds the counters, histograms and errors of this moment.
  void add_to(MountMetrics& metrics) const;

 private:
  // Linux has 133 errnos. Others, which nothing gives, count as the last.
  static constexpr std::size_t kErrnos = 134;

  struct alignas(64) Latency {  // a cache line, so that two operations don't share one
    std::array<std::atomic<std::uint64_t>, kLatencyBuckets> counts{};
    std::atomic<std::uint64_t> sum_nanos = 0;
  };

  std::array<std::atomic<std::uint64_t>, kMountValues> values_{};
  std::array<Latency, kMountOperations> latencies_{};
  std::array<std::array<std::atomic<std::uint64_t>, kErrnos>, kMountOperations> errors_{};
};

/// Measures the request that the thread works on, from here to the end of the scope. One at a time a thread.
class OperationTimer {
 public:
  OperationTimer(Metrics& metrics, MountOperation operation) noexcept;
  ~OperationTimer();
  OperationTimer(const OperationTimer&) = delete;
  OperationTimer& operator=(const OperationTimer&) = delete;

  /// What this thread is asked for, and what it turned out to be.
  [[nodiscard]] static MountOperation current() noexcept;
  static void turn_into(MountOperation operation) noexcept;

 private:
  Metrics& metrics_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace pfcache::fuse
