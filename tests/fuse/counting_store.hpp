// A blob store that makes up its blobs and counts how often it was asked.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "pfcache/blob_store.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse::test {

/// Has a blob of `size` times its first byte for every digest and size.
class CountingStore final : public BlobStore {
 public:
  std::unique_ptr<BlobBatch> begin_batch() override { return nullptr; }
  void get_into(const Digest& digest, std::span<std::byte> out) const override {
    ++decoded;
    if (delay.count() > 0) std::this_thread::sleep_for(delay);
    if (is_damaged || digest.bytes()[0] == damaged.load()) throw Error(Errc::damaged, "blob");
    std::fill(out.begin(), out.end(), digest.bytes()[0]);
  }
  void get_many(std::span<GetRequest> requests) const override {
    std::size_t largest = largest_group;
    while (largest < requests.size() && !largest_group.compare_exchange_weak(largest, requests.size())) {
    }
    BlobStore::get_many(requests);
  }
  std::vector<std::byte> get(const Digest& /*digest*/, std::uint64_t /*limit_bytes*/) const override { return {}; }
  std::optional<BlobInfo> find(const Digest& /*digest*/) const override { return std::nullopt; }
  void for_each(const std::function<void(const Digest&, const BlobInfo&)>& /*visit*/) const override {}
  bool remove(const Digest& /*digest*/) override { return false; }

  mutable std::atomic<int> decoded{0};
  mutable std::atomic<std::size_t> largest_group{0};  ///< blobs that were asked for at once
  std::atomic<bool> is_damaged{false};                ///< all of them
  std::atomic<std::byte> damaged{std::byte{0xFF}};    ///< those of this byte
  std::chrono::milliseconds delay{0};
};

}  // namespace pfcache::fuse::test
