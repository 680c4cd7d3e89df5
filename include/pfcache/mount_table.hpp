// The kernel's table of mounts, /proc/self/mountinfo (proc(5)).
//
// Functions without state, for any thread. Throws: system errors, where the table can't be read.
//
// Example:
//
//   #include <pfcache/mount_table.hpp>
//   #include <iostream>
//
//   int main() {
//     for (const pfcache::MountEntry& mount : pfcache::read_mount_table()) {
//       if (mount.directory == "/proc" && mount.type == "proc") std::cout << "processes\n";  // prints processes
//     }
//   }
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace pfcache {

/// The type under which the kernel shows mounts of pfcache.
inline constexpr std::string_view kMountType = "fuse.pfcache";

struct MountEntry {
  std::filesystem::path directory;  ///< where it is mounted
  std::string source;               ///< of a mount of pfcache: the store, as the one who mounted it called it, absolute
  std::string type;
  bool is_whole = true;  ///< false: a part of it, bound to another place
};

/// The mounts in such a text, in its order: of several on one directory the last one shows. A line that doesn't follow
/// the format is skipped.
[[nodiscard]] std::vector<MountEntry> parse_mount_table(std::string_view mountinfo);

/// Those that this process sees.
[[nodiscard]] std::vector<MountEntry> read_mount_table();

}  // namespace pfcache
#pragma GCC visibility pop
