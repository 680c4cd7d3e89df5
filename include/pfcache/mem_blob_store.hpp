// A blob store in memory: for tests, and for moving snapshots between places without touching a disk.
//
// Example:
//
//   #include <pfcache/mem_blob_store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::MemBlobStore blobs;
//     const std::vector<std::byte> bytes(100);
//     const pfcache::Digest digest = blobs.put(bytes).digest;
//     std::cout << (blobs.get(digest) == bytes) << '\n';  // prints 1
//   }
#pragma once

#include <map>
#include <mutex>

#include "pfcache/blob_store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// Keeps blobs as they are, until it goes. Thread-safe.
class MemBlobStore final : public BlobStore {
 public:
  [[nodiscard]] std::unique_ptr<BlobBatch> begin_batch() override;
  void get_into(const Digest& digest, std::span<std::byte> out) const override;
  [[nodiscard]] std::vector<std::byte> get(const Digest& digest,
                                           std::uint64_t limit_bytes = kMaxBlobBytes) const override;
  [[nodiscard]] std::optional<BlobInfo> find(const Digest& digest) const override;
  void for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const override;
  bool remove(const Digest& digest) override;

 private:
  class Batch;
  mutable std::mutex mutex_;
  std::map<Digest, std::vector<std::byte>> blobs_;  // guarded by mutex_
};

}  // namespace pfcache
#pragma GCC visibility pop
