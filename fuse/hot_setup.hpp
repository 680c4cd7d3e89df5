// How hot pages are kept on this machine, and whether the kernel may have them: options made into parts.
#pragma once

#include <memory>

#include "fuse/hot_backing.hpp"
#include "fuse/hot_store.hpp"
#include "fuse/mount_options.hpp"
#include "fuse/passthrough.hpp"

namespace pfcache::fuse {

struct HotSetup {
  std::unique_ptr<HotBacking> backing;
  HotLimits limits;
  PassthroughSetup passthrough;
};

/// Lets this process have as many open files as it may. Throws: system errors, for a directory that can't be used.
[[nodiscard]] HotSetup set_up_hot_pages(const MountOptions& options, Log& log);

/// The default of hot_size= on a machine with so much memory.
[[nodiscard]] std::uint64_t default_hot_size_bytes(HotPlace place, std::uint64_t memory_bytes) noexcept;

}  // namespace pfcache::fuse
