// Where stores are mounted. Throws: system errors.
#pragma once

#include <filesystem>
#include <vector>

#include "pfcache/mount_table.hpp"

namespace pfcache::cli {

struct MountedStore {
  std::filesystem::path directory;  ///< where it is mounted
  std::filesystem::path store;      ///< as the one who mounted it called it, absolute
};

/// The mounts of pfcache in a table of mounts, in its order. Of one that is bound a second time only those that show
/// all of it count.
[[nodiscard]] std::vector<MountedStore> whole_mounts_of_stores(std::vector<MountEntry> table);

/// Those of `store` that this process sees.
[[nodiscard]] std::vector<MountedStore> find_mounts(const std::filesystem::path& store);

}  // namespace pfcache::cli
