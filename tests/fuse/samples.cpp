#include "samples.hpp"

#include <array>
#include <utility>

#include "pfcache/capture.hpp"
#include "pfcache/synthetic_pager.hpp"

namespace pfcache::fuse::test {

Digest digest_of(std::uint8_t byte) {
  std::array<std::byte, Digest::kSizeBytes> bytes{};
  bytes.fill(static_cast<std::byte>(byte));
  return Digest(bytes);
}

CacheMeta small_meta() { return {4, 1, 1, 1, DType::bf16}; }

SnapshotPtr view_of(const Digest& digest, std::vector<PageEntry> pages, std::vector<LogicalSeq> seqs,
                    const CacheMeta& meta) {
  return std::make_shared<SnapshotView>(digest, 100, PageManifest{meta, std::move(pages), std::move(seqs)});
}

Node node_in(const SnapshotPtr& snapshot, NodeKind kind, std::uint32_t row) { return {kind, row, snapshot, nullptr}; }

Digest SampleStore::add_snapshot(std::uint32_t pages, std::uint64_t seed) {
  SyntheticCachePager pager(small_meta());
  pager.populate_synthetic(pages, seed);
  const WriterLease lease = store.lease();
  const CaptureResult result = capture_cache(pager, store.blobs());
  store.catalog().seal(result.digest, {});
  return result.digest;
}

}  // namespace pfcache::fuse::test
