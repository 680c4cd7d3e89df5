// The snapshots that are in use under the mount, each parsed once.
#pragma once

#include <memory>
#include <mutex>
#include <unordered_map>

#include "fuse/single_flight.hpp"
#include "fuse/snapshot_view.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

using SnapshotPtr = std::shared_ptr<const SnapshotView>;

/// Holds nothing itself: a view lives as long as somebody, in the end the kernel's inodes, refers to it. Thread-safe.
class SnapshotCache {
 public:
  /// REQUIRES: `store` outlives this object.
  explicit SnapshotCache(const Store& store) : store_(store) {}

  /// The view of a snapshot, read and parsed by one thread however many ask for it.
  /// Throws: as Store::manifest; failures aren't kept.
  [[nodiscard]] SnapshotPtr get(const Digest& digest);

 private:
  [[nodiscard]] SnapshotPtr find(const Digest& digest) const;
  [[nodiscard]] SnapshotPtr load(const Digest& digest) const;
  void remember(const SnapshotPtr& snapshot);

  const Store& store_;
  SingleFlight<Digest, SnapshotPtr> flights_;
  mutable std::mutex mutex_;
  std::unordered_map<Digest, std::weak_ptr<const SnapshotView>> views_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
