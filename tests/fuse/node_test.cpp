#include "fuse/node.hpp"

#include <doctest/doctest.h>

#include <set>

#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

TEST_CASE("content ids are the same for ever, since file times are made from them") {
  const SnapshotPtr view = view_of(digest_of(9), {{{0}, digest_of(1), digest_of(2)}});
  CHECK(content_id(node_in(view, NodeKind::page)) == 0xD0FD5C02E0441E4EU);
  CHECK(content_id(node_in(view, NodeKind::half, 0)) == 0x8CA83D5E31A2792AU);
  CHECK(content_id(node_in(view, NodeKind::manifest)) == 0x734AD1227F41A031U);
  CHECK(content_id(node_in(view, NodeKind::snapshot)) == 0xDBE28B610C03A458U);
}

TEST_CASE("a page is the same node in every snapshot and at every ix") {
  const SnapshotPtr a = view_of(digest_of(8), {{{0}, digest_of(1), digest_of(2)}});
  const SnapshotPtr b = view_of(digest_of(9), {{{0}, digest_of(3), digest_of(2)}, {{7}, digest_of(1), digest_of(2)}});
  const Node in_a = node_in(a, NodeKind::page, 0);
  const Node in_b = node_in(b, NodeKind::page, 1);
  CHECK(content_id(in_a) == content_id(in_b));
  CHECK(have_same_content(in_a, in_b));
  CHECK_FALSE(have_same_content(in_a, node_in(b, NodeKind::page, 0)));
}

TEST_CASE("half a page is the same node as K and as V") {
  const SnapshotPtr a = view_of(digest_of(8), {{{0}, digest_of(1), digest_of(2)}, {{1}, digest_of(2), digest_of(3)}});
  const Node v_of_first = node_in(a, NodeKind::half, 1);
  const Node k_of_second = node_in(a, NodeKind::half, 2);
  CHECK(half_digest(v_of_first) == digest_of(2));
  CHECK(content_id(v_of_first) == content_id(k_of_second));
  CHECK(have_same_content(v_of_first, k_of_second));
  CHECK_FALSE(have_same_content(v_of_first, node_in(a, NodeKind::half, 0)));
}

TEST_CASE("K and V swapped are another page") {
  const SnapshotPtr a = view_of(digest_of(8), {{{0}, digest_of(1), digest_of(2)}, {{1}, digest_of(2), digest_of(1)}});
  CHECK(content_id(node_in(a, NodeKind::page, 0)) != content_id(node_in(a, NodeKind::page, 1)));
  CHECK_FALSE(have_same_content(node_in(a, NodeKind::page, 0), node_in(a, NodeKind::page, 1)));
}

TEST_CASE("a manifest that claims another page size for the same digests doesn't share the inode") {
  CacheMeta larger = small_meta();
  larger.n_layers = 2;
  const std::vector<PageEntry> pages = {{{0}, digest_of(1), digest_of(2)}};
  const SnapshotPtr right = view_of(digest_of(8), pages);
  const SnapshotPtr wrong = view_of(digest_of(9), pages, {}, larger);
  for (const NodeKind kind : {NodeKind::page, NodeKind::half}) {
    CHECK(content_id(node_in(right, kind)) != content_id(node_in(wrong, kind)));
    CHECK_FALSE(have_same_content(node_in(right, kind), node_in(wrong, kind)));
  }
}

TEST_CASE("all that a snapshot consists of has numbers of its own, none of them small") {
  const SnapshotPtr a = view_of(digest_of(8), {{{0}, digest_of(0), digest_of(0)}, {{1}, digest_of(1), digest_of(1)}});
  std::set<std::uint64_t> ids = {kRootId, kCatalogId, ref_id({"a", digest_of(8)}), ref_id({"b", digest_of(8)}),
                                 ref_id({"a", digest_of(9)})};
  CHECK(ids.size() == 5);
  for (const NodeKind kind : {NodeKind::snapshot, NodeKind::manifest, NodeKind::pages, NodeKind::keys, NodeKind::values,
                              NodeKind::seqs, NodeKind::seq, NodeKind::page, NodeKind::half, NodeKind::position}) {
    const std::uint64_t id = content_id(node_in(a, kind));
    CHECK(id > kLastFixedId);
    CHECK(ids.insert(id).second);
  }
}
