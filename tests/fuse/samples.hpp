// Small snapshots for the tests of the mount.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fuse/node.hpp"
#include "pfcache/store.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::fuse::test {

/// A digest that no bytes are known for: all of `byte`.
[[nodiscard]] Digest digest_of(std::uint8_t byte);

/// Pages of 8 bytes of K and of V.
[[nodiscard]] CacheMeta small_meta();

/// A view of a manifest that is nowhere stored; `digest` is what it is called.
[[nodiscard]] SnapshotPtr view_of(const Digest& digest, std::vector<PageEntry> pages, std::vector<LogicalSeq> seqs = {},
                                  const CacheMeta& meta = small_meta());

[[nodiscard]] Node node_in(const SnapshotPtr& snapshot, NodeKind kind, std::uint32_t row = 0);

/// A store on disk for one test.
struct SampleStore {
  pfcache::test::TempDir dir;
  Store store = Store::init(dir.path() / "store");

  /// Captures and seals `pages` pages made from `seed`.
  Digest add_snapshot(std::uint32_t pages, std::uint64_t seed);
};

}  // namespace pfcache::fuse::test
