#include "fuse/snapshot_cache.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

#include "pfcache/error.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

TEST_CASE("a snapshot in use is parsed once; one that nobody uses isn't kept") {
  SampleStore sample;
  const Digest digest = sample.add_snapshot(3, 1);
  SnapshotCache cache(sample.store);
  SnapshotPtr first = cache.get(digest);
  CHECK(first->pages().size() == 3);
  CHECK(first->manifest_bytes() == sample.store.manifest_bytes(digest).size());
  CHECK(cache.get(digest) == first);
  const std::weak_ptr<const SnapshotView> watch = first;
  first.reset();
  CHECK(watch.expired());
}

TEST_CASE("an unknown snapshot is a failure each time, until it is there") {
  SampleStore sample;
  SnapshotCache cache(sample.store);
  CHECK_THROWS_AS((void)cache.get(digest_of(1)), Error);
  CHECK_THROWS_AS((void)cache.get(digest_of(1)), Error);
  CHECK(cache.get(sample.add_snapshot(1, 1)) != nullptr);
}

TEST_CASE("threads that want one snapshot get the same one") {
  SampleStore sample;
  const Digest digest = sample.add_snapshot(500, 1);
  SnapshotCache cache(sample.store);
  std::vector<SnapshotPtr> views(8);
  {
    std::vector<std::jthread> threads;
    for (SnapshotPtr& view : views) threads.emplace_back([&] { view = cache.get(digest); });
  }
  CHECK(std::set<SnapshotPtr>(views.begin(), views.end()).size() == 1);
}
