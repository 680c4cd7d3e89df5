#include "fuse/info_files.hpp"

#include <fmt/format.h>

#include <array>
#include <chrono>

#include "fuse/exposition.hpp"
#include "fuse/operations.hpp"
#include "pfcache/version.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::array<std::string_view, kInfoFiles> kNames = {"metrics", "stats.json", "version"};

std::uint64_t unix_seconds(std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return static_cast<std::uint64_t>(seconds);
}

void add_hot_pages(const HotStore& hot, MountMetrics& metrics) {
  const HotCounts counts = hot.counts();
  metrics[MountValue::hot_held_bytes] = counts.held_bytes;
  metrics[MountValue::hot_limit_bytes] = hot.limit_bytes();
  metrics[MountValue::hot_files] = counts.files;
  metrics[MountValue::hot_limit_files] = hot.limit_files();
  metrics[MountValue::hot_evictions] = counts.evictions;
  metrics[MountValue::decoded_bytes] = counts.decoded_bytes;
  metrics[MountValue::read_ahead_bytes] = counts.read_ahead_bytes;
  metrics[MountValue::verify_failures] = counts.verify_failures;
}

void add_store(StoreScan& scan, MountMetrics& metrics) {
  const std::optional<StoreScan::Result> result = scan.latest();
  if (!result) return;
  const StoreStats& stats = result->stats;
  metrics.has_store_values = true;
  metrics[MountValue::store_snapshots] = stats.snapshots;
  metrics[MountValue::store_names] = stats.refs;
  metrics[MountValue::store_pages] = stats.pages;
  metrics[MountValue::store_logical_bytes] = stats.logical_bytes;
  metrics[MountValue::store_unique_bytes] = stats.unique_bytes;
  metrics[MountValue::store_stored_bytes] = stats.stored_bytes;
  metrics[MountValue::store_stored_page_bytes] = stats.stored_page_bytes;
  metrics[MountValue::store_raw_blobs] = stats.raw_blobs;
  metrics[MountValue::store_zstd_blobs] = stats.zstd_blobs;
  metrics[MountValue::store_planes_blobs] = stats.planes_blobs;
  metrics[MountValue::store_unreadable_snapshots] = stats.unreadable.size();
  metrics[MountValue::store_scan_time] = unix_seconds(result->ended);
  metrics.store_scan_seconds = result->took.count();
}

MountMetrics collect(FileSystem& fs) {
  MountMetrics metrics;
  metrics.version = version();
  fs.metrics.add_to(metrics);
  metrics[MountValue::start_time] = unix_seconds(fs.start_time);
  metrics[MountValue::passthrough] = fs.passthrough.is_on() ? 1 : 0;
  add_hot_pages(fs.hot, metrics);
  add_store(fs.store_scan, metrics);
  return metrics;
}

}  // namespace

std::string_view name_of(InfoFile file) noexcept { return kNames.at(static_cast<std::size_t>(file)); }

std::optional<InfoFile> find_info_file(std::string_view name) noexcept {
  for (std::size_t i = 0; i < kInfoFiles; ++i) {
    if (kNames.at(i) == name) return static_cast<InfoFile>(i);
  }
  return std::nullopt;
}

std::string text_of(InfoFile file, FileSystem& fs) {
  switch (file) {
    case InfoFile::metrics: return to_exposition(collect(fs));
    case InfoFile::stats: return to_json(collect(fs));
    case InfoFile::version: break;
  }
  return fmt::format("mount.pfcache {}\n", version());
}

}  // namespace pfcache::fuse
