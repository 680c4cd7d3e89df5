// Decoded and verified blobs, kept in memory up to a limit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>

#include "fuse/single_flight.hpp"
#include "pfcache/blob_store.hpp"

namespace pfcache::fuse {

/// A blob's plain bytes.
class Blob {
 public:
  explicit Blob(std::size_t size_bytes)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(size_bytes)), size_bytes_(size_bytes) {}

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {bytes_.get(), size_bytes_}; }
  [[nodiscard]] std::span<std::byte> room() noexcept { return {bytes_.get(), size_bytes_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_bytes_;
};

using BlobPtr = std::shared_ptr<const Blob>;

/// Least recently used out. Thread-safe. What is in use when it is evicted lives until its last user lets go, and
/// blobs that are being decoded aren't counted: the memory taken is the limit plus one blob a thread or two.
class BlobCache {
 public:
  /// REQUIRES: `blobs` outlives this object.
  BlobCache(const BlobStore& blobs, std::uint64_t limit_bytes) : blobs_(blobs), limit_bytes_(limit_bytes) {}

  /// The blob, decoded by one thread however many ask for it. One that is larger than the limit is given but not kept.
  /// REQUIRES: size_bytes ≤ kMaxBlobBytes. Throws: as BlobStore::get_into; failures aren't kept.
  [[nodiscard]] BlobPtr get(const Digest& digest, std::uint64_t size_bytes);

  [[nodiscard]] std::uint64_t held_bytes() const;

 private:
  // The size belongs to the key: a manifest with a wrong geometry must fail alone, and not together with a right one.
  struct Key {
    Digest digest;
    std::uint64_t size_bytes;
    friend bool operator==(const Key&, const Key&) = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept { return key.digest.prefix64() ^ key.size_bytes; }
  };
  struct Entry {
    Key key;
    BlobPtr blob;
  };

  [[nodiscard]] BlobPtr find(const Key& key);
  [[nodiscard]] BlobPtr decode(const Key& key);
  void keep(const Key& key, const BlobPtr& blob);

  const BlobStore& blobs_;
  const std::uint64_t limit_bytes_;
  SingleFlight<Key, BlobPtr, KeyHash> flights_;
  mutable std::mutex mutex_;
  std::uint64_t held_bytes_ = 0;                                        // guarded by mutex_
  std::list<Entry> entries_;                                            // guarded by mutex_; last used first
  std::unordered_map<Key, std::list<Entry>::iterator, KeyHash> index_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
