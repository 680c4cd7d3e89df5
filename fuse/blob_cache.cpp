#include "fuse/blob_cache.hpp"

namespace pfcache::fuse {

BlobPtr BlobCache::get(const Digest& digest, std::uint64_t size_bytes) {
  const Key key{digest, size_bytes};
  if (BlobPtr blob = find(key)) return blob;
  return flights_.run(key, [&] {
    // Another flight may have landed between the look above and the start of this one.
    if (BlobPtr blob = find(key)) return blob;
    BlobPtr blob = decode(key);
    keep(key, blob);
    return blob;
  });
}

std::uint64_t BlobCache::held_bytes() const {
  const std::lock_guard lock(mutex_);
  return held_bytes_;
}

BlobPtr BlobCache::find(const Key& key) {
  const std::lock_guard lock(mutex_);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->blob;
}

BlobPtr BlobCache::decode(const Key& key) {
  auto blob = std::make_shared<Blob>(key.size_bytes);
  blobs_.get_into(key.digest, blob->room());
  return blob;
}

void BlobCache::keep(const Key& key, const BlobPtr& blob) {
  if (key.size_bytes > limit_bytes_) return;
  std::list<Entry> evicted;  // let go after the lock
  const std::lock_guard lock(mutex_);
  while (held_bytes_ + key.size_bytes > limit_bytes_) {
    const auto last = std::prev(entries_.end());
    held_bytes_ -= last->key.size_bytes;
    index_.erase(last->key);
    evicted.splice(evicted.begin(), entries_, last);
  }
  entries_.push_front({key, blob});
  index_[key] = entries_.begin();
  held_bytes_ += key.size_bytes;
}

}  // namespace pfcache::fuse
