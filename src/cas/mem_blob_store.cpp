#include "pfcache/mem_blob_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cas/limits.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

Error not_found(const Digest& digest) { return {Errc::not_found, fmt::format("blob {}", digest.hex())}; }

}  // namespace

class MemBlobStore::Batch final : public BlobBatch {
 public:
  explicit Batch(MemBlobStore& store) : store_(store) {}

  void put_many(std::span<const std::span<const std::byte>> blobs, std::span<PutResult> results,
                const BlobHint& /*hint*/) override {
    for (const auto& bytes : blobs) require_storable(bytes);
    std::vector<Digest> digests(blobs.size());
    sha256_many(blobs, digests);
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < blobs.size(); ++i) {
      const bool added = !store_.contains(digests[i]) &&
                         blobs_.try_emplace(digests[i], std::vector(blobs[i].begin(), blobs[i].end())).second;
      results[i] = {digests[i], added, blobs[i].size()};
    }
  }

  void commit() override {
    const std::scoped_lock lock(mutex_, store_.mutex_);
    store_.blobs_.merge(blobs_);
  }

 private:
  MemBlobStore& store_;
  std::mutex mutex_;
  std::map<Digest, std::vector<std::byte>> blobs_;  // guarded by mutex_
};

std::unique_ptr<BlobBatch> MemBlobStore::begin_batch() { return std::make_unique<Batch>(*this); }

void MemBlobStore::get_into(const Digest& digest, std::span<std::byte> out) const {
  const std::scoped_lock lock(mutex_);
  const auto blob = blobs_.find(digest);
  if (blob == blobs_.end()) throw not_found(digest);
  const auto& bytes = blob->second;
  if (bytes.size() != out.size()) {
    throw Error(Errc::damaged,
                fmt::format("blob {}: expected {} bytes, found {}", digest.hex(), out.size(), bytes.size()));
  }
  std::copy(bytes.begin(), bytes.end(), out.begin());
}

std::vector<std::byte> MemBlobStore::get(const Digest& digest, std::uint64_t limit_bytes) const {
  const std::scoped_lock lock(mutex_);
  const auto blob = blobs_.find(digest);
  if (blob == blobs_.end()) throw not_found(digest);
  if (blob->second.size() > limit_bytes) {
    throw Error(Errc::too_large, fmt::format("blob {}: expected at most {} bytes, found {}", digest.hex(), limit_bytes,
                                             blob->second.size()));
  }
  return blob->second;
}

std::optional<BlobInfo> MemBlobStore::find(const Digest& digest) const {
  const std::scoped_lock lock(mutex_);
  const auto blob = blobs_.find(digest);
  if (blob == blobs_.end()) return std::nullopt;
  return BlobInfo{Encoding::raw, blob->second.size()};
}

void MemBlobStore::for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const {
  // A copy of the names first, so that `visit` may use the store.
  std::vector<std::pair<Digest, BlobInfo>> found;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [digest, bytes] : blobs_) found.emplace_back(digest, BlobInfo{Encoding::raw, bytes.size()});
  }
  for (const auto& [digest, info] : found) visit(digest, info);
}

bool MemBlobStore::remove(const Digest& digest) {
  const std::scoped_lock lock(mutex_);
  return blobs_.erase(digest) != 0;
}

}  // namespace pfcache
