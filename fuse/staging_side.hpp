// The part of the filesystem that can be written: /new, snapshots that arrive, and refs.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "fuse/area.hpp"
#include "fuse/arrivals.hpp"
#include "fuse/fuse_api.hpp"
#include "fuse/mirror_files.hpp"
#include "fuse/mirror_inodes.hpp"
#include "fuse/node.hpp"
#include "fuse/prompt_area.hpp"
#include "pfcache/staging.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

/// Thread-safe.
class StagingSide {
 public:
  /// REQUIRES: `store` outlives this object.
  StagingSide(Store& a_store, bool writable, const PromptLimits& prompt_limits, const WarmStartOptions& warm_limits);
  ~StagingSide();
  StagingSide(const StagingSide&) = delete;
  StagingSide& operator=(const StagingSide&) = delete;

  /// Throws: EROFS.
  void require_writable() const;

  [[nodiscard]] Area& area(MirrorArea area) const noexcept { return *areas_.at(static_cast<std::size_t>(area)); }

  Store& store;
  const bool is_writable;
  Staging staging;
  MirrorInodes inodes;
  MirrorFiles files;
  Arrivals arrivals;
  /// How many more threads may wait for the kernel to write mappings back, of which at least one serves those writes.
  std::atomic<int> free_write_backs = 1;

 private:
  const std::array<std::unique_ptr<Area>, kMirrorAreas> areas_;  // by MirrorArea
  std::jthread tidier_;                                          // last, so that it ends first
};

/// True when `store` can be changed by this process; else `why` says what stands in the way.
[[nodiscard]] bool is_writable_store(const Store& store, std::string& why);

/// True for numbers of the inodes of this part.
[[nodiscard]] inline bool is_mirror_id(std::uint64_t id) noexcept { return id >= kNewId && id <= kLastFixedId; }

/// The callbacks of this part, put before those that are there: each goes to where its inode belongs.
void add_staging_operations(fuse_lowlevel_ops& ops) noexcept;

}  // namespace pfcache::fuse
