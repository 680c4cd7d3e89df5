// A collector and writers, in interleavings that are forced, and in any that come.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "upkeep/gc_run.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::seconds;

GcOptions without_grace() {
  GcOptions options;
  options.grace = seconds(0);
  return options;
}

/// A store with pages that are old and that nobody needs: those of seed 1.
struct WithGarbage : StoreDir {
  Digest forgotten;

  WithGarbage() {
    capture_sealed(store, 7);
    forgotten = capture_sealed(store, 1).digest;
    store.catalog().remove(forgotten);
    make_old(path / "blobs");
  }
};

}  // namespace

TEST_CASE("blobs that were garbage when the marking ended stay when a snapshot of them is sealed before the lock") {
  WithGarbage at;
  const GcReport report = GcRun(at.store, without_grace(), [&](std::string_view where) {
                            if (where == "marked") capture_sealed(at.store, 1);
                          }).run();
  CHECK(report.blobs_removed == 0);
  CHECK(at.store.has_snapshot(at.forgotten));
  require_all_whole(at.store);
}

TEST_CASE("a writer that found old blobs under its lease is waited for, and keeps them") {
  WithGarbage at;
  std::jthread writer;
  std::atomic<bool> has_sealed = false;
  const GcReport report = GcRun(at.store, without_grace(), [&](std::string_view where) {
                            if (where == "locked") CHECK(has_sealed);
                            if (where != "marked") return;
                            std::atomic<bool> has_put = false;
                            writer = std::jthread([&at, &has_put, &has_sealed] {
                              const WriterLease lease = at.store.lease();
                              SyntheticCachePager pager(kSmall);
                              pager.populate_synthetic(3, 1U << 20U, SyntheticCachePager::Content::kv_like);
                              const CaptureResult found = capture_cache(pager, at.store.blobs());
                              has_put = true;
                              std::this_thread::sleep_for(milliseconds(200));
                              at.store.catalog().seal(found.digest, {});
                              has_sealed = true;
                            });
                            while (!has_put) std::this_thread::yield();
                          }).run();
  writer.join();
  CHECK(report.blobs_removed == 0);
  CHECK(at.store.has_snapshot(at.forgotten));
  require_all_whole(at.store);
}

TEST_CASE("a writer that comes during the sweep waits for it, and brings what was removed again") {
  WithGarbage at;
  std::jthread writer;
  std::atomic<bool> has_lease = false;
  const GcReport report = GcRun(at.store, without_grace(), [&](std::string_view where) {
                            if (where != "locked") return;
                            writer = std::jthread([&] {
                              const WriterLease lease = at.store.lease();
                              has_lease = true;
                              capture_sealed(at.store, 1);
                            });
                            std::this_thread::sleep_for(milliseconds(100));
                            CHECK_FALSE(has_lease);
                          }).run();
  writer.join();
  CHECK(report.blobs_removed == 7);
  CHECK(at.store.has_snapshot(at.forgotten));
  require_all_whole(at.store);
}

TEST_CASE("a snapshot that is removed after the marking stays whole until the next run") {
  WithGarbage at;
  const Digest later = capture_sealed(at.store, 3).digest;
  GcRun(at.store, without_grace(), [&](std::string_view where) {
    if (where == "marked") at.store.catalog().remove(later);
  }).run();
  CHECK(verify_snapshots(at.store, {later}).damage.empty());
  CHECK(collect_garbage(at.store, without_grace()).blobs_removed == 7);
}

TEST_CASE("a manifest that is sealed and damaged between marking and lock ends it before anything goes") {
  WithGarbage at;
  const std::size_t before = count_blobs(at.store);
  GcRun run(at.store, without_grace(), [&](std::string_view where) {
    if (where != "marked") return;
    damage_file(only_file_of(at.path, capture_sealed(at.store, 9).digest));
  });
  CHECK_THROWS_AS(run.run(), Error);
  CHECK(count_blobs(at.store) == before + 7);
}

TEST_CASE("processes that capture, remove and collect at once leave every sealed snapshot whole") {
  WithGarbage at;
  std::vector<pid_t> children;
  for (std::uint64_t who = 0; who < 3; ++who) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        Store store = Store::open(at.path);
        for (std::uint64_t turn = 0; turn < 40; ++turn) {
          // Few seeds, so that what one removes another finds.
          const Digest digest = capture_sealed(store, (who + turn) % 4).digest;
          if (turn % 3 == who) store.catalog().remove(digest);
        }
        ::_exit(0);
      } catch (...) {
        ::_exit(1);
      }
    }
    children.push_back(child);
  }
  std::uint64_t removed = 0;
  for (int turn = 0; turn < 40; ++turn) {
    removed += collect_garbage(at.store, without_grace()).blobs_removed;
    const WriterLease lease = at.store.lease();  // so that no other run's sweep is in between
    require_all_whole(at.store);
  }
  for (const pid_t child : children) {
    int status = 1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
  require_all_whole(at.store);
  CHECK(removed > 0);
}

}  // namespace pfcache::test
