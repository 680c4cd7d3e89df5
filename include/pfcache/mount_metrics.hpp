// What a mount counts and measures: the numbers behind DIR/.pfcache/stats.json and DIR/.pfcache/metrics.
//
// One table says for each number what it is called in both files. Functions may be called from any number of threads;
// a MountMetrics is a plain value.
//
// Example:
//
//   #include <pfcache/mount_metrics.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::MountMetrics metrics;
//     metrics[pfcache::MountValue::hot_hits] = 3;
//     const auto read = pfcache::parse_mount_metrics(pfcache::to_json(metrics), "stats.json");
//     std::cout << read[pfcache::MountValue::hot_hits] << " opens were hot\n";  // prints 3 opens were hot
//   }
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace pfcache {

/// Whole numbers. Those from store_snapshots on are of the store and were counted when it was last scanned.
enum class MountValue : std::uint8_t {
  start_time,  ///< seconds since 1970
  passthrough,
  page_opens,
  half_opens,
  manifest_opens,
  written_opens,
  other_opens,
  passthrough_opens,
  hot_hits,
  hot_misses,
  hot_held_bytes,
  hot_limit_bytes,
  hot_files,
  hot_limit_files,
  hot_evictions,
  decoded_bytes,
  read_ahead_bytes,
  verify_failures,
  read_bytes,
  written_bytes,
  store_snapshots,
  store_names,
  store_pages,
  store_logical_bytes,
  store_unique_bytes,
  store_stored_bytes,
  store_stored_page_bytes,
  store_raw_blobs,
  store_zstd_blobs,
  store_planes_blobs,
  store_unreadable_snapshots,
  store_scan_time,  ///< seconds since 1970
};
inline constexpr std::size_t kMountValues = static_cast<std::size_t>(MountValue::store_scan_time) + 1;

/// What a value is called. Values of one metric follow each other.
struct MountValueInfo {
  std::string_view key;     ///< in stats.json
  std::string_view metric;  ///< in Prometheus' text
  std::string_view labels;  ///< there, as `kind="page"`; may be empty
  std::string_view help;
  bool is_counter = false;  ///< it only grows, from 0 when the mount began
};
[[nodiscard]] const MountValueInfo& info_of(MountValue value) noexcept;
[[nodiscard]] inline bool is_of_store(MountValue value) noexcept { return value >= MountValue::store_snapshots; }

/// What the kernel asks a mount for. A commit is the rename of a directory of /new into /snap.
enum class MountOperation : std::uint8_t {
  lookup,
  getattr,
  setattr,
  readlink,
  open,
  create,
  read,
  write,
  flush,
  release,
  fsync,
  fallocate,
  opendir,
  readdir,
  releasedir,
  fsyncdir,
  mkdir,
  rmdir,
  mknod,
  symlink,
  link,
  unlink,
  rename,
  commit,
  getxattr,
  listxattr,
  statfs,
  ioctl,
};
inline constexpr std::size_t kMountOperations = static_cast<std::size_t>(MountOperation::ioctl) + 1;
[[nodiscard]] std::string_view name_of(MountOperation operation) noexcept;

/// Upper bounds of the buckets, in seconds; above the last there is one bucket more.
inline constexpr std::array<double, 17> kLatencyBounds = {
    10e-6, 25e-6, 50e-6, 100e-6, 250e-6, 500e-6, 1e-3, 2.5e-3, 5e-3, 10e-3, 25e-3, 50e-3, 100e-3, 250e-3, 1, 5, 30};
inline constexpr std::size_t kLatencyBuckets = kLatencyBounds.size() + 1;

/// How long requests took.
struct LatencyHistogram {
  std::array<std::uint64_t, kLatencyBuckets> counts{};  ///< of requests in each bucket alone
  double sum_seconds = 0;

  [[nodiscard]] std::uint64_t count() const noexcept;

  /// Up to how many seconds the share `q` of the requests took, taken as spread evenly over each bucket; 0 without
  /// requests, and the last bound for what is above it.
  [[nodiscard]] double quantile(double q) const noexcept;

  /// What was added since `earlier`, a state of the same histogram.
  [[nodiscard]] LatencyHistogram since(const LatencyHistogram& earlier) const noexcept;
};

/// Requests that were answered with an error. A lookup of a name that isn't there is none.
struct MountErrorCount {
  MountOperation operation = MountOperation::lookup;
  std::string error;  ///< `EIO`
  std::uint64_t count = 0;
};

/// The state of a mount at one moment.
struct MountMetrics {
  std::string version;  ///< of the program
  std::array<std::uint64_t, kMountValues> values{};
  bool has_store_values = false;  ///< false: the store has not been scanned yet
  double store_scan_seconds = 0;  ///< for how long the last scan took
  std::array<LatencyHistogram, kMountOperations> latencies{};
  std::vector<MountErrorCount> errors;

  [[nodiscard]] std::uint64_t& operator[](MountValue value) noexcept {
    return values.at(static_cast<std::size_t>(value));
  }
  [[nodiscard]] std::uint64_t operator[](MountValue value) const noexcept {
    return values.at(static_cast<std::size_t>(value));
  }
  [[nodiscard]] const LatencyHistogram& latency(MountOperation operation) const noexcept {
    return latencies.at(static_cast<std::size_t>(operation));
  }
};

/// The text of stats.json: one object. Operations that nobody asked for are left out.
[[nodiscard]] std::string to_json(const MountMetrics& metrics);

/// A stats.json of more bytes than this is none.
inline constexpr std::size_t kMaxMountStatsBytes = std::size_t{1} << 20;

/// Reads such a text back; `name` is what messages call it. What it has besides is skipped, as a newer mount may say
/// more. Throws: Errc::malformed; Errc::too_large.
[[nodiscard]] MountMetrics parse_mount_metrics(std::string_view json, std::string_view name);

}  // namespace pfcache
#pragma GCC visibility pop
