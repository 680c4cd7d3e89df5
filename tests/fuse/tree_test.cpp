#include "fuse/tree.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "pfcache/error.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

struct SampleTree : SampleStore {
  std::vector<std::string> lines;
  Log log{[this](std::string_view line) { lines.emplace_back(line); }};
  Tree tree{store, log};

  // Walks from the root; nothing as soon as a name is missing.
  std::optional<Node> walk(const std::vector<std::string>& names) {
    std::optional<Node> node = Node{};
    for (const std::string& name : names) {
      if (node) node = tree.find_child(*node, name);
    }
    return node;
  }
};

bool has_entry(const std::vector<CatalogEntry>& entries, std::string_view name) {
  return std::any_of(entries.begin(), entries.end(), [&](const CatalogEntry& entry) { return entry.name == name; });
}

}  // namespace

TEST_CASE("every directory lists exactly what can be looked up in it") {
  SampleTree sample;
  const std::string hex = sample.add_snapshot(3, 1).hex();
  std::vector<Node> directories = {*sample.walk({}), *sample.walk({"snap", hex})};
  std::size_t names = 0;
  while (!directories.empty()) {
    const Node dir = directories.back();
    directories.pop_back();
    for (std::uint64_t i = 0; i < child_count(dir); ++i) {
      const Child child = child_at(dir, i);
      const std::optional<Node> found = sample.tree.find_child(dir, child.name);
      REQUIRE(found);
      CHECK(have_same_content(*found, child.node));
      CHECK(content_id(*found) == content_id(child.node));
      ++names;
      const bool is_listable = file_type_of(child.node.kind) == S_IFDIR && child.node.kind != NodeKind::catalog;
      if (is_listable) {
        CHECK(parent_id(child.node) == content_id(dir));
        directories.push_back(child.node);
      }
    }
  }
  CHECK(names == 2 + 5 + 3 * 3 + 1 + 3 + 3);
}

TEST_CASE("names that aren't there are a value, not a failure") {
  SampleTree sample;
  const std::string hex = sample.add_snapshot(3, 1).hex();
  CHECK_FALSE(sample.walk({"new"}));
  CHECK_FALSE(sample.walk({"snap", "nothing"}));
  CHECK_FALSE(sample.walk({"snap", std::string(64, 'a')}));
  CHECK_FALSE(sample.walk({"snap", "sha256:" + std::string(64, 'a')}));
  CHECK_FALSE(sample.walk({"snap", ""}));
  CHECK_FALSE(sample.walk({"snap", "../config.toml"}));
  CHECK_FALSE(sample.walk({"snap", std::string(5000, 'x')}));
  CHECK_FALSE(sample.walk({"snap", hex, "manifest"}));
  CHECK_FALSE(sample.walk({"snap", hex, "pages", "0003"}));
  CHECK_FALSE(sample.walk({"snap", hex, "k", "3"}));
  CHECK_FALSE(sample.walk({"snap", hex, "seqs", "seq-seed-0000000000000001", "0003"}));
  CHECK_FALSE(sample.walk({"snap", hex, "manifest.json", "x"}));
  CHECK(sample.lines.empty());
}

TEST_CASE("a snapshot and a ref are there as soon as they are made and gone as soon as they are removed") {
  SampleTree sample;
  const Digest first = sample.add_snapshot(1, 1);
  const Digest second = sample.add_snapshot(2, 2);
  CHECK_FALSE(sample.walk({"snap", "prod"}));
  sample.store.catalog().set_ref("prod", first);
  CHECK(link_target(*sample.walk({"snap", "prod"})) == first.hex());
  sample.store.catalog().set_ref("prod", second);
  CHECK(link_target(*sample.walk({"snap", "prod"})) == second.hex());
  sample.store.catalog().remove_ref("prod");
  CHECK_FALSE(sample.walk({"snap", "prod"}));

  CHECK(sample.walk({"snap", first.hex()})->kind == NodeKind::snapshot);
  const std::optional<Node> held = sample.walk({"snap", first.hex()});
  sample.store.catalog().remove(first);
  CHECK_FALSE(sample.walk({"snap", first.hex()}));
  CHECK_FALSE(has_entry(sample.tree.list_catalog(), first.hex()));
  CHECK(sample.tree.find_child(*held, "pages"));
}

TEST_CASE("sha256: and the digits are a symlink to the snapshot, and not listed") {
  SampleTree sample;
  const Digest digest = sample.add_snapshot(1, 1);
  const std::optional<Node> found = sample.walk({"snap", "sha256:" + digest.hex()});
  REQUIRE(found);
  CHECK(found->kind == NodeKind::ref);
  CHECK(link_target(*found) == digest.hex());
  CHECK(sample.tree.list_catalog().size() == 1);
}

TEST_CASE("the catalog lists snapshots and refs with the numbers that a lookup gives") {
  SampleTree sample;
  const Digest digest = sample.add_snapshot(1, 1);
  sample.store.catalog().set_ref("prod", digest);
  const std::vector<CatalogEntry> entries = sample.tree.list_catalog();
  REQUIRE(entries.size() == 2);
  for (const CatalogEntry& entry : entries) {
    const std::optional<Node> node = sample.walk({"snap", entry.name});
    REQUIRE(node);
    CHECK(entry.id == content_id(*node));
    CHECK(entry.type == file_type_of(node->kind));
  }
}

TEST_CASE("a snapshot whose manifest is lost is listed, fails with EIO, and is logged once") {
  SampleTree sample;
  const Digest digest = sample.add_snapshot(1, 1);
  sample.store.blobs().remove(digest);
  CHECK(has_entry(sample.tree.list_catalog(), digest.hex()));
  for (int i = 0; i < 3; ++i) {
    try {
      (void)sample.walk({"snap", digest.hex()});
      FAIL("found");
    } catch (const Error& error) {
      CHECK(errno_of(error.code()) == EIO);
    }
  }
  REQUIRE(sample.lines.size() == 1);
  CHECK(sample.lines[0].find(digest.hex()) != std::string::npos);
}

TEST_CASE("positions of a sequence lead to the pages' names, absent pages included") {
  const SnapshotPtr view = view_of(digest_of(1), {{{5}, digest_of(1), digest_of(2)}}, {{"s", {{5}, {70000}, {5}}, 0}});
  const Node seq = node_in(view, NodeKind::seq, 0);
  REQUIRE(child_count(seq) == 3);
  CHECK(child_at(seq, 0).name == "0000");
  CHECK(link_target(child_at(seq, 0).node) == "../../pages/0005");
  CHECK(link_target(child_at(seq, 1).node) == "../../pages/70000");
  CHECK(child_at(seq, 2).name == "0002");
  CHECK(have_same_content(child_at(seq, 0).node, child_at(seq, 2).node));
}
