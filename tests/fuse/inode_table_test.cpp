#include "fuse/inode_table.hpp"

#include <doctest/doctest.h>

#include <thread>
#include <vector>

#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

// Digests that have the same first eight bytes, and therefore the same content id.
Digest colliding(std::uint8_t last_byte) {
  std::array<std::byte, Digest::kSizeBytes> bytes{};
  bytes.back() = static_cast<std::byte>(last_byte);
  return Digest(bytes);
}

}  // namespace

TEST_CASE("a node is known until as many lookups are forgotten as were counted") {
  InodeTable table;
  const SnapshotPtr view = view_of(digest_of(8), {{{0}, digest_of(1), digest_of(2)}});
  const std::uint64_t id = table.remember(node_in(view, NodeKind::page));
  CHECK(table.remember(node_in(view, NodeKind::page)) == id);
  table.forget(id, 1);
  REQUIRE(table.find(id));
  CHECK(table.find(id)->kind == NodeKind::page);
  CHECK(table.find(id)->snapshot == view);
  table.forget(id, 1);
  CHECK_FALSE(table.find(id));
  CHECK(table.size() == 0);
}

TEST_CASE("forgetting more than was counted, or what isn't known, is harmless") {
  InodeTable table;
  const SnapshotPtr view = view_of(digest_of(8), {});
  const std::uint64_t id = table.remember(node_in(view, NodeKind::pages));
  table.forget(id, 1000);
  table.forget(id, 1);
  table.forget(kRootId, 5);
  CHECK(table.find(kRootId)->kind == NodeKind::root);
  CHECK(table.find(kCatalogId)->kind == NodeKind::catalog);
  CHECK(table.size() == 0);
}

TEST_CASE("a snapshot is kept as long as any of its nodes is known, and no longer") {
  InodeTable table;
  SnapshotPtr view = view_of(digest_of(8), {{{0}, digest_of(1), digest_of(2)}});
  const std::weak_ptr<const SnapshotView> watch = view;
  const std::uint64_t dir = table.remember(node_in(view, NodeKind::pages));
  const std::uint64_t page = table.remember(node_in(view, NodeKind::page));
  view.reset();
  table.forget(dir, 1);
  CHECK_FALSE(watch.expired());
  table.forget(page, 1);
  CHECK(watch.expired());
}

TEST_CASE("contents with the same id get different numbers, and keep them") {
  InodeTable table;
  std::vector<PageEntry> pages;
  for (std::uint8_t i = 0; i < 5; ++i) pages.push_back({{i}, colliding(i), colliding(i)});
  const SnapshotPtr view = view_of(digest_of(8), pages);
  std::vector<std::uint64_t> ids;
  for (std::uint32_t row = 0; row < 5; ++row) ids.push_back(table.remember(node_in(view, NodeKind::page, row)));
  for (std::uint32_t row = 0; row < 5; ++row) {
    CHECK(table.remember(node_in(view, NodeKind::page, row)) == ids[row]);
    REQUIRE(table.find(ids[row]));
    CHECK(table.find(ids[row])->row == row);
  }
  CHECK(table.size() == 5);
  table.forget(ids[0], 2);
  CHECK(table.find(ids[4])->row == 4);
}

TEST_CASE("refs and positions come back as they were") {
  InodeTable table;
  const Node ref{NodeKind::ref, 0, nullptr, std::make_shared<const RefLink>(RefLink{"prod", digest_of(3)})};
  const std::uint64_t ref_number = table.remember(ref);
  const std::uint64_t position = table.remember({NodeKind::position, 70000, nullptr, nullptr});
  CHECK(table.find(ref_number)->ref->target == digest_of(3));
  CHECK(table.find(position)->row == 70000);
  const Node moved{NodeKind::ref, 0, nullptr, std::make_shared<const RefLink>(RefLink{"prod", digest_of(4)})};
  CHECK(table.remember(moved) != ref_number);
}

TEST_CASE("many threads remembering and forgetting leave an empty table") {
  InodeTable table;
  std::vector<PageEntry> pages;
  for (std::uint8_t i = 0; i < 200; ++i) pages.push_back({{i}, digest_of(i), digest_of(i)});
  const SnapshotPtr view = view_of(digest_of(8), pages);
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::uint32_t i = 0; i < 20'000; ++i) {
        const std::uint64_t id = table.remember(node_in(view, NodeKind::page, i % 200));
        if (!table.find(id)) std::abort();
        table.forget(id, 1);
      }
    });
  }
  threads.clear();
  CHECK(table.size() == 0);
  CHECK(view.use_count() == 1);
}
