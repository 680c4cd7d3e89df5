// What the numbers of a mount are called.
#include <algorithm>

#include "pfcache/mount_metrics.hpp"

namespace pfcache {
namespace {

constexpr bool kCounter = true;
constexpr bool kGauge = false;

// In the order of MountValue.
constexpr std::array<MountValueInfo, kMountValues> kInfos = {{
    {"start_time_seconds", "pfcache_start_time_seconds", "", "When the mount began, in seconds since 1970.", kGauge},
    {"passthrough", "pfcache_passthrough_enabled", "", "1 when the kernel reads hot pages by itself.", kGauge},
    {"page_opens", "pfcache_opens_total", R"(kind="page")", "Opens of files, by what they are.", kCounter},
    {"half_opens", "pfcache_opens_total", R"(kind="half")", "", kCounter},
    {"manifest_opens", "pfcache_opens_total", R"(kind="manifest")", "", kCounter},
    {"written_opens", "pfcache_opens_total", R"(kind="written")", "", kCounter},
    {"other_opens", "pfcache_opens_total", R"(kind="other")", "", kCounter},
    {"passthrough_opens", "pfcache_passthrough_opens_total", "",
     "Opens of which the kernel reads and writes by itself.", kCounter},
    {"hot_hits", "pfcache_hot_hits_total", "", "Opens of pages, halves and manifests that were hot.", kCounter},
    {"hot_misses", "pfcache_hot_misses_total", "", "Opens of pages, halves and manifests that were not hot.", kCounter},
    {"hot_held_bytes", "pfcache_hot_held_bytes", "", "Bytes of hot pages.", kGauge},
    {"hot_limit_bytes", "pfcache_hot_limit_bytes", "", "Bytes that hot pages may have (hot_size=).", kGauge},
    {"hot_files", "pfcache_hot_files", "", "Hot pages, each an open file.", kGauge},
    {"hot_limit_files", "pfcache_hot_limit_files", "", "How many hot pages there may be.", kGauge},
    {"hot_evictions", "pfcache_hot_evictions_total", "", "Hot pages that went to make room.", kCounter},
    {"decoded_bytes", "pfcache_decoded_bytes_total", "",
     "Plain bytes that were decoded and verified, ahead of their readers included.", kCounter},
    {"read_ahead_bytes", "pfcache_read_ahead_bytes_total", "", "Those of them that nobody had asked for yet.",
     kCounter},
    {"verify_failures", "pfcache_verify_failures_total", "", "Blobs found damaged, each time that they were.",
     kCounter},
    {"read_bytes", "pfcache_read_bytes_total", "",
     "Bytes that the daemon gave to the kernel; what is passed through doesn't count.", kCounter},
    {"written_bytes", "pfcache_written_bytes_total", "",
     "Bytes that the daemon took from the kernel; what is passed through doesn't count.", kCounter},
    {"store_snapshots", "pfcache_store_snapshots", "", "Sealed snapshots at the last scan of the store.", kGauge},
    {"store_names", "pfcache_store_names", "", "Names of snapshots at the last scan.", kGauge},
    {"store_pages", "pfcache_store_pages", "", "Pages of all snapshots at the last scan.", kGauge},
    {"store_logical_bytes", "pfcache_store_logical_bytes", "", "Bytes of all pages of all snapshots at the last scan.",
     kGauge},
    {"store_unique_bytes", "pfcache_store_unique_bytes", "", "Bytes of what differs among them at the last scan.",
     kGauge},
    {"store_stored_bytes", "pfcache_store_stored_bytes", "", "Bytes of all blobs on disk at the last scan.", kGauge},
    {"store_stored_page_bytes", "pfcache_store_stored_page_bytes", "",
     "Bytes of the blobs of pages of snapshots on disk at the last scan.", kGauge},
    {"store_raw_blobs", "pfcache_store_blobs", R"(encoding="raw")", "Blobs at the last scan, by encoding.", kGauge},
    {"store_zstd_blobs", "pfcache_store_blobs", R"(encoding="zstd")", "", kGauge},
    {"store_planes_blobs", "pfcache_store_blobs", R"(encoding="planes")", "", kGauge},
    {"store_unreadable_snapshots", "pfcache_store_unreadable_snapshots", "",
     "Snapshots whose manifest could not be read at the last scan.", kGauge},
    {"store_scan_timestamp_seconds", "pfcache_store_scan_timestamp_seconds", "",
     "When the last scan of the store ended, in seconds since 1970.", kGauge},
}};
static_assert(std::ranges::none_of(kInfos, [](const MountValueInfo& info) { return info.key.empty(); }));

constexpr std::array<std::string_view, kMountOperations> kOperations = {
    "lookup", "getattr",   "setattr", "readlink", "open",       "create",    "read",   "write", "flush", "release",
    "fsync",  "fallocate", "opendir", "readdir",  "releasedir", "fsyncdir",  "mkdir",  "rmdir", "mknod", "symlink",
    "link",   "unlink",    "rename",  "commit",   "getxattr",   "listxattr", "statfs", "ioctl"};
static_assert(std::ranges::none_of(kOperations, [](std::string_view name) { return name.empty(); }));

}  // namespace

const MountValueInfo& info_of(MountValue value) noexcept { return kInfos.at(static_cast<std::size_t>(value)); }

std::string_view name_of(MountOperation operation) noexcept {
  return kOperations.at(static_cast<std::size_t>(operation));
}

}  // namespace pfcache
