// What a mount says about itself to programs: an ioctl on its root directory, for whoever may open that.
//
// Example:
//
//   #include <pfcache/mount_status.hpp>
//   #include <pfcache/unique_fd.hpp>
//   #include <fcntl.h>
//   #include <iostream>
//
//   int main() {
//     const pfcache::UniqueFd directory(open(".", O_RDONLY | O_DIRECTORY));
//     pfcache::MountStatus status;
//     const bool is_ours = ioctl(directory.get(), pfcache::kMountStatusRequest, &status) == 0;
//     std::cout << (is_ours ? "a mount of pfcache\n" : "none\n");  // prints none
//   }
#pragma once

#include <sys/ioctl.h>

#include <cstdint>

#pragma GCC visibility push(default)
namespace pfcache {

/// The hot store of a mount: pages that are decoded, verified and kept. Filled by
/// `ioctl(fd of the mounted directory, kMountStatusRequest, &status)`; other filesystems answer ENOTTY.
struct MountStatus {
  std::uint32_t version = 1;      ///< of this struct; fields are only added, under another request
  std::uint32_t file_limit = 0;   ///< hot pages, each of which is an open file of the daemon
  std::uint64_t limit_bytes = 0;  ///< of all hot pages
  std::uint64_t held_bytes = 0;   ///< of those there are now
};

inline constexpr unsigned long kMountStatusRequest = _IOR('P', 0x66, MountStatus);

}  // namespace pfcache
#pragma GCC visibility pop
