#include "cli/mounted_stores.hpp"

#include <utility>

namespace pfcache::cli {

std::vector<MountedStore> whole_mounts_of_stores(std::vector<MountEntry> table) {
  std::vector<MountedStore> mounts;
  for (MountEntry& mount : table) {
    if (mount.type != kMountType || !mount.is_whole) continue;
    mounts.push_back({std::move(mount.directory), std::move(mount.source)});
  }
  return mounts;
}

std::vector<MountedStore> find_mounts(const std::filesystem::path& store) {
  std::vector<MountedStore> mounts = whole_mounts_of_stores(read_mount_table());
  std::erase_if(mounts, [&](const MountedStore& mount) {
    std::error_code absent;
    return !std::filesystem::equivalent(mount.store, store, absent);
  });
  return mounts;
}

}  // namespace pfcache::cli
