#include "fuse/snapshot_cache.hpp"

#include <malloc.h>

#include <string>

namespace pfcache::fuse {
namespace {

// From this size on the memory that parsing took is given back to the system at once, instead of some day.
constexpr std::uint64_t kLargeManifestBytes = 1 << 20;

}  // namespace

SnapshotPtr SnapshotCache::get(const Digest& digest) {
  if (SnapshotPtr snapshot = find(digest)) return snapshot;
  return flights_.run(digest, [&] {
    if (SnapshotPtr snapshot = find(digest)) return snapshot;
    SnapshotPtr snapshot = load(digest);
    remember(snapshot);
    return snapshot;
  });
}

SnapshotPtr SnapshotCache::find(const Digest& digest) const {
  const std::lock_guard lock(mutex_);
  const auto found = views_.find(digest);
  return found == views_.end() ? nullptr : found->second.lock();
}

SnapshotPtr SnapshotCache::load(const Digest& digest) const {
  SnapshotPtr snapshot;
  std::uint64_t size_bytes = 0;
  {
    const std::string json = store_.manifest_bytes(digest);
    size_bytes = json.size();
    snapshot = std::make_shared<SnapshotView>(digest, size_bytes, PageManifest::parse(json, digest.hex()));
  }
  if (size_bytes >= kLargeManifestBytes) ::malloc_trim(0);
  return snapshot;
}

void SnapshotCache::remember(const SnapshotPtr& snapshot) {
  const std::lock_guard lock(mutex_);
  std::erase_if(views_, [](const auto& entry) { return entry.second.expired(); });
  views_[snapshot->digest()] = snapshot;
}

}  // namespace pfcache::fuse
