#include "fuse/content_xattrs.hpp"

#include <doctest/doctest.h>

#include <string>

#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

struct Sample : SampleStore {
  Digest digest = add_snapshot(2, 7);
  SnapshotPtr view = SnapshotCache(store).get(digest);
  ContentXattrs xattrs{store};

  std::optional<std::string> find(NodeKind kind, const std::string& name, std::uint32_t row = 0) {
    return xattrs.find(node_in(view, kind, row), "user.pfcache." + name);
  }
  std::uint64_t stored_bytes(const Digest& blob) const { return store.blobs().find(blob)->stored_bytes; }
};

}  // namespace

TEST_CASE_FIXTURE(Sample, "a page names both of its blobs, and how they are kept") {
  const PageEntry& page = view->pages()[1];
  CHECK(find(NodeKind::page, "k_digest", 1) == page.k.hex());
  CHECK(find(NodeKind::page, "v_digest", 1) == page.v.hex());
  CHECK(find(NodeKind::page, "encoding", 1) == "raw,raw");
  CHECK(find(NodeKind::page, "stored_bytes", 1) == std::to_string(stored_bytes(page.k) + stored_bytes(page.v)));
  CHECK(find(NodeKind::page, "snapshots", 1) == "1");
  CHECK_FALSE(find(NodeKind::page, "digest", 1).has_value());
}

TEST_CASE_FIXTURE(Sample, "half a page is one blob") {
  const PageEntry& page = view->pages()[1];
  CHECK(find(NodeKind::half, "digest", 2) == page.k.hex());
  CHECK(find(NodeKind::half, "digest", 3) == page.v.hex());
  CHECK(find(NodeKind::half, "encoding", 3) == "raw");
  CHECK(find(NodeKind::half, "stored_bytes", 3) == std::to_string(stored_bytes(page.v)));
  CHECK(find(NodeKind::half, "snapshots", 3) == "1");
  CHECK_FALSE(find(NodeKind::half, "k_digest", 3).has_value());
}

TEST_CASE_FIXTURE(Sample, "a manifest is a blob, and a snapshot all of its blobs, each once") {
  CHECK(find(NodeKind::manifest, "digest") == digest.hex());
  CHECK(find(NodeKind::manifest, "encoding") == "zstd");
  CHECK(find(NodeKind::manifest, "stored_bytes") == std::to_string(stored_bytes(digest)));
  CHECK(find(NodeKind::snapshot, "digest") == digest.hex());
  CHECK(find(NodeKind::snapshot, "stored_bytes") == std::to_string(store.blobs().physical_bytes()));
  CHECK_FALSE(find(NodeKind::snapshot, "encoding").has_value());
  CHECK_FALSE(find(NodeKind::snapshot, "snapshots").has_value());
}

TEST_CASE_FIXTURE(Sample, "a blob that is gone has no encoding and no bytes, and its digest still") {
  REQUIRE(store.blobs().remove(view->pages()[0].v));
  CHECK_FALSE(find(NodeKind::page, "encoding").has_value());
  CHECK_FALSE(find(NodeKind::page, "stored_bytes").has_value());
  CHECK_FALSE(find(NodeKind::snapshot, "stored_bytes").has_value());
  CHECK(find(NodeKind::page, "v_digest") == view->pages()[0].v.hex());
}

TEST_CASE_FIXTURE(Sample, "other names and other nodes have none") {
  const Node page = node_in(view, NodeKind::page);
  for (const char* name : {"user.pfcache", "user.pfcache.", "user.pfcache.digests", "user.digest", "digest",
                           "security.capability", "system.posix_acl_access", ""}) {
    CAPTURE(name);
    CHECK_FALSE(xattrs.find(page, name).has_value());
  }
  for (const NodeKind kind : {NodeKind::pages, NodeKind::keys, NodeKind::values, NodeKind::seqs}) {
    for (const char* name : {"digest", "k_digest", "v_digest", "encoding", "stored_bytes", "snapshots"}) {
      CAPTURE(name);
      CHECK_FALSE(find(kind, name).has_value());
    }
  }
  CHECK_FALSE(xattrs.find(Node{}, "user.pfcache.digest").has_value());
}
