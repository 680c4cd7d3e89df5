// Where stores are mounted.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace pfcache::cli {

struct MountedStore {
  std::filesystem::path directory;  ///< where it is mounted
  std::filesystem::path store;      ///< as the one who mounted it called it, absolute
};

/// The mounts of pfcache in the text of /proc/self/mountinfo (proc(5)), in its order. Of one that is bound a second
/// time only those that show all of it count. A line that doesn't follow the format is skipped.
[[nodiscard]] std::vector<MountedStore> parse_mount_table(std::string_view mountinfo);

/// Those of `store` that this process sees. Throws: system errors.
[[nodiscard]] std::vector<MountedStore> find_mounts(const std::filesystem::path& store);

}  // namespace pfcache::cli
