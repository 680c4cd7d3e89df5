// What a power failure, or a call that fails, leaves of a collector's run.
#include <doctest/doctest.h>

#include <cerrno>

#include "pfcache/gc.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

GcOptions without_grace() {
  GcOptions options;
  options.grace = std::chrono::seconds(0);
  return options;
}

/// Two snapshots that stay, the pages of one that doesn't, temp files, and a staging directory nobody wants.
struct Prepared : StoreDir {
  Digest doomed;

  Prepared() {
    capture_sealed(store, 1);
    capture_sealed(store, 2, kSmall, 2);
    doomed = capture_sealed(store, 2, kSmall, 4).digest;
    write_bytes(path / "snapshots" / ".tmp-0123456789abcdef", bytes_of("left"));
    write_bytes(path / "staging" / "new" / "old" / "manifest.json", bytes_of("{}"));
    make_old(path / "staging");
  }
};

}  // namespace

TEST_CASE("a crash at any point of a collector's run leaves every sealed snapshot whole") {
  const Prepared at;
  RecordingFileOps ops(at.path);
  Store store = Store::open(Directory::open(at.path, ops));
  // As `remove` does but without the sync: if the collector did not see to it, a crash could bring the seal back when
  // the blobs have gone.
  const Directory snapshots = Directory::open(at.path / "snapshots", ops);
  REQUIRE(ops.unlink(snapshots.fd(), at.doomed.hex().c_str(), 0) == 0);
  const GcReport report = collect_garbage(store, without_grace());
  REQUIRE(report.blobs_removed == 2 * 2 + 1);
  REQUIRE(report.temp_files_removed == 1);
  REQUIRE(report.staging_removed.size() == 1);
  const fs::path after = at.dir.path() / "after";
  after_every_crash(ops, {.random = 6}, after, [&](std::size_t /*calls*/) {
    Store left = Store::open(after);
    REQUIRE(left.catalog().snapshots().size() >= 2);
    require_all_whole(left);
  });
  // Whatever was left, the next run ends it.
  ops.materialise(ops.call_count() - 3, Crash::random, 3, after);
  Store left = Store::open(after);
  collect_garbage(left, without_grace());
  REQUIRE(count_blobs(left) == count_blobs(store));
}

TEST_CASE("whichever call fails, every sealed snapshot stays whole and the next run ends it") {
  std::size_t calls = 0;
  {
    const Prepared at;
    RecordingFileOps ops(at.path);
    Store store = Store::open(Directory::open(at.path, ops));
    store.catalog().remove(at.doomed);
    collect_garbage(store, without_grace());
    calls = ops.call_count();
  }
  REQUIRE(calls > 10);
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    const Prepared at;
    RecordingFileOps ops(at.path);
    Store store = Store::open(Directory::open(at.path, ops));
    ops.fail_call(call, EIO);
    try {
      store.catalog().remove(at.doomed);
      collect_garbage(store, without_grace());
    } catch (const Error& error) {
      REQUIRE(error.code() == std::errc::io_error);
    }
    require_all_whole(store);
    ops.stop_failing();
    store.catalog().remove(at.doomed);
    collect_garbage(store, without_grace());
    require_all_whole(store);
    REQUIRE(count_temp_files(at.path) == 0);
    REQUIRE_FALSE(store.blobs().contains(at.doomed));
  }
}

}  // namespace pfcache::test
