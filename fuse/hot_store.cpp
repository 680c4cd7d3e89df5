#include "fuse/hot_store.hpp"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// Files take whole pages of memory or blocks of disk.
constexpr std::uint64_t kBlockBytes = 4096;

std::uint64_t cost_bytes(const HotKey& key) { return (key.size_bytes() + kBlockBytes - 1) / kBlockBytes * kBlockBytes; }

}  // namespace

HotStore::HotStore(const BlobStore& blobs, HotBacking& backing, const HotLimits& limits, Log& log)
    : blobs_(blobs), backing_(backing), memory_(make_hot_memory()), limits_(limits), log_(log) {
  for (const HotKey& key : backing_.list()) keep(key, nullptr);
}

HotFilePtr HotStore::get(const HotKey& key) {
  if (HotFilePtr file = find(key)) return file;
  return flights_.run(key, [&] {
    // Another flight may have landed between the look above and the start of this one.
    if (HotFilePtr file = find(key)) return file;
    HotFilePtr file = make(key);
    keep(key, file);
    return file;
  });
}

bool HotStore::has(const HotKey& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  return found != index_.end() && found->second->file != nullptr;
}

std::uint64_t HotStore::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

HotFilePtr HotStore::find(const HotKey& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->file;
}

HotFilePtr HotStore::make(const HotKey& key) {
  if (std::optional<UniqueFd> left = backing_.find(key)) {
    return std::make_shared<HotFile>(*std::move(left), key.size_bytes());
  }
  return scratch_.with(key.size_bytes(), [&](std::span<std::byte> bytes) {
    decode(key, bytes);
    return std::make_shared<const HotFile>(store(key, bytes), key.size_bytes());
  });
}

// K and V are hashed side by side.
void HotStore::decode(const HotKey& key, std::span<std::byte> out) const {
  std::vector<GetRequest> requests(key.blob_count);
  for (std::size_t i = 0; i < key.blob_count; ++i) {
    requests[i].digest = key.digests.at(i);
    requests[i].out = out.subspan(i * key.blob_bytes, key.blob_bytes);
  }
  blobs_.get_all(requests);
}

// A backing that is full or was taken away is no reason not to serve what has been decoded.
UniqueFd HotStore::store(const HotKey& key, std::span<const std::byte> bytes) {
  try {
    return backing_.make(key, bytes);
  } catch (const Error& error) {
    {
      const std::lock_guard lock(mutex_);
      if (!std::exchange(has_told_of_backing_, true)) {
        log_.tell(fmt::format("hot pages stay in memory when {} fails: {}", backing_.name(), error.what()));
      }
    }
    return memory_->make(key, bytes);
  }
}

void HotStore::keep(const HotKey& key, HotFilePtr file) {
  Entries dropped;  // let go after the lock
  {
    const std::lock_guard lock(mutex_);
    const auto [place, is_new] = index_.try_emplace(key);
    if (is_new) {
      entries_.push_front({key, nullptr});
      place->second = entries_.begin();
      held_bytes_ += cost_bytes(key);
    }
    place->second->file = std::move(file);
    drop(dropped);
  }
  for (const Entry& entry : dropped) backing_.remove(entry.key);
}

// Moves what is too much to `dropped`. An entry that is too large by itself goes alone, and doesn't take the others
// along. REQUIRES: mutex_ is held.
void HotStore::drop(Entries& dropped) {
  const auto move_out = [&](Entries::iterator entry) {
    held_bytes_ -= cost_bytes(entry->key);
    index_.erase(entry->key);
    dropped.splice(dropped.end(), entries_, entry);
  };
  if (cost_bytes(entries_.front().key) > limits_.bytes) move_out(entries_.begin());
  while (held_bytes_ > limits_.bytes || entries_.size() > limits_.files) move_out(std::prev(entries_.end()));
}

}  // namespace pfcache::fuse
