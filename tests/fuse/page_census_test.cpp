#include "fuse/page_census.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

SnapshotPtr load(const Store& store, const Digest& digest) { return SnapshotCache(store).get(digest); }

Node first_page(const Store& store, const Digest& digest) { return node_in(load(store, digest), NodeKind::page, 0); }

// The pages of `first`, and then one of its own.
Digest add_longer_snapshot(Store& store, const Digest& first) {
  PageManifest manifest = store.manifest(first);
  const auto ix = PageIndex{static_cast<std::uint32_t>(manifest.pages.size())};
  manifest.pages.push_back({ix, manifest.pages[0].v, manifest.pages[0].k});
  const std::string json = manifest.to_json();
  const WriterLease lease = store.lease();
  const Digest digest = store.blobs().put(std::as_bytes(std::span(json))).digest;
  store.catalog().seal(digest, {});
  return digest;
}

}  // namespace

TEST_CASE("a page counts once for each sealed snapshot that holds it, and so does each of its halves") {
  SampleStore sample;
  const Digest first = sample.add_snapshot(3, 1);
  PageCensus census(sample.store);
  const Node page = first_page(sample.store, first);
  CHECK(census.snapshots_with(page) == 1U);

  const Digest longer = add_longer_snapshot(sample.store, first);
  CHECK(census.snapshots_with(page) == 2U);
  CHECK(census.snapshots_with(node_in(page.snapshot, NodeKind::half, 0)) == 2U);
  CHECK(census.snapshots_with(node_in(load(sample.store, longer), NodeKind::page, 3)) == 1U);

  sample.store.catalog().remove(longer);
  CHECK(census.snapshots_with(page) == 1U);
}

TEST_CASE("a page that is in no sealed snapshot is in none") {
  SampleStore sample;
  const Digest digest = sample.add_snapshot(1, 1);
  const Node page = first_page(sample.store, digest);
  sample.store.catalog().remove(digest);
  CHECK(PageCensus(sample.store).snapshots_with(page) == 0U);
}

TEST_CASE("a snapshot whose manifest is lost doesn't count, and the others do") {
  SampleStore sample;
  const Digest whole = sample.add_snapshot(2, 1);
  const Digest lost = sample.add_snapshot(2, 2);
  const Node page = first_page(sample.store, whole);
  const Node gone = first_page(sample.store, lost);
  REQUIRE(sample.store.blobs().remove(lost));
  PageCensus census(sample.store);
  CHECK(census.snapshots_with(page) == 1U);
  CHECK(census.snapshots_with(gone) == 0U);
}

TEST_CASE("more pages than may be held are not counted, until there are fewer") {
  SampleStore sample;
  const Digest small = sample.add_snapshot(2, 1);
  const Digest large = sample.add_snapshot(5, 2);
  PageCensus census(sample.store, 6);
  const Node page = first_page(sample.store, small);
  CHECK_FALSE(census.snapshots_with(page).has_value());
  sample.store.catalog().remove(large);
  CHECK(census.snapshots_with(page) == 1U);
}
