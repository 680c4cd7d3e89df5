// What the mount says about itself: an ioctl on its root.
#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "fuse/operations.hpp"
#include "pfcache/mount_status.hpp"

namespace pfcache::fuse {
namespace {

void on_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned command, void* /*argument*/, fuse_file_info* /*file*/,
              unsigned /*flags*/, const void* /*in*/, std::size_t /*in_bytes*/, std::size_t out_bytes) noexcept {
  if (ino != kRootId || command != kMountStatusRequest || out_bytes < sizeof(MountStatus)) {
    fuse_reply_err(req, ENOTTY);
    return;
  }
  answer(req, [&](FileSystem& fs) {
    MountStatus status;
    status.file_limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(fs.hot.limit_files(), UINT32_MAX));
    status.limit_bytes = fs.hot.limit_bytes();
    status.held_bytes = fs.hot.held_bytes();
    fuse_reply_ioctl(req, 0, &status, sizeof status);
  });
}

}  // namespace

void add_status_operations(fuse_lowlevel_ops& ops) noexcept { ops.ioctl = on_ioctl; }

}  // namespace pfcache::fuse
