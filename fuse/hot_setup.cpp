#include "fuse/hot_setup.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

namespace pfcache::fuse {
namespace {

// Descriptors that the rest of the daemon and its store use.
constexpr std::size_t kOtherFiles = 512;

// Each hot file is an open descriptor, and the usual soft limit of 1024 would be 4 GiB of usual pages.
std::size_t raise_file_limit() {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t soft = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  const rlim_t files = ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_max : soft;
  return files / 2 > kOtherFiles ? files - kOtherFiles : files / 2;
}

std::uint64_t memory_bytes() {
  return static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES))) *
         static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
}

std::unique_ptr<HotBacking> make_backing(const MountOptions& options, Log& log) {
  return options.hot == HotPlace::directory ? make_hot_directory(options.hot_directory, log) : make_hot_memory();
}

}  // namespace

// Why memory is the default place. 5 GB of KV-like bf16 in pages of 4 MiB, more than the limit of dirty pages, GB/s,
// one round on two CPUs that did other work, too (tests/bench/bench_backings.py); "×" is the third restore beside plain
// ext4 files':
//
//   hot pages in      cold  second  third     ×  after a remount  12 processes, cold  open+mmap+close
//   memory            1.45    7.84   7.58  1.14             0.90                7.12            24 µs
//   tmpfs directory   0.95    6.16   6.35  0.96             0.75                6.14            22 µs
//   ext4 directory    1.10    7.85   8.51  1.28             1.62                7.77            33 µs
//   none              0.96    1.77   2.19  0.33             0.96                6.24            22 µs
//   plain ext4        1.67    5.67   6.64  1.00                –               13.34             5 µs
//
// A directory on disk is as quick once it is hot, and survives a remount; but it takes the disk's space, and a cold
// restore waits for the disk to take decoded pages. Who has the disk asks for it with hot=DIR.
std::uint64_t default_hot_size_bytes(HotPlace place, std::uint64_t memory_bytes) noexcept {
  constexpr std::uint64_t kMiB = std::uint64_t{1} << 20U;
  // Room to decode ahead: what was read is in the kernel's cache, and kept there alone.
  if (place == HotPlace::none) return 256 * kMiB;
  return std::min(memory_bytes / 4, 8192 * kMiB);
}

HotSetup set_up_hot_pages(const MountOptions& options, Log& log) {
  HotSetup setup;
  setup.backing = make_backing(options, log);
  setup.limits.bytes = options.hot_size_bytes.value_or(default_hot_size_bytes(options.hot, memory_bytes()));
  setup.limits.files = raise_file_limit();
  setup.limits.verify = options.verify;
  setup.passthrough.use = options.passthrough;
  if (options.hot == HotPlace::none) setup.passthrough.obstacle = "hot=none";
  setup.passthrough.backing_name = setup.backing->name();
  // Blobs' own files are passed through, too.
  setup.passthrough.stack_depth = std::max(setup.backing->stack_depth(), stack_depth_of(options.store));
  setup.passthrough.sample = setup.backing->make_sample();
  return setup;
}

}  // namespace pfcache::fuse
