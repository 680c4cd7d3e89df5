// A filesystem in memory that is attached nowhere: its files have no path, and it is gone with its last descriptor.
#pragma once

#include <optional>

#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

/// Its root directory. Files get large pages of memory, as large as their size allows, which memfds get only where the
/// whole machine is set to it (/sys/kernel/mm/transparent_hugepage/shmem_enabled). No limit of its own. Nothing when
/// this process may not mount or the kernel has no such pages.
[[nodiscard]] std::optional<UniqueFd> mount_private_tmpfs() noexcept;

}  // namespace pfcache::fuse
