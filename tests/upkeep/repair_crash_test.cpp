// What a power failure, or a call that fails, leaves of a repair.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/directory.hpp"
#include "pfcache/check.hpp"
#include "pfcache/error.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// Two snapshots in a store with damage of every kind, and a backup of them.
struct Prepared : StoreDir {
  StoreDir backup;
  PageManifest whole;

  Prepared() {
    for (Store* each : {&store, &backup.store}) {
      whole = each->manifest(capture_sealed(*each, 1).digest);
      capture_sealed(*each, 2);
    }
    const Digest second = store.catalog().snapshots().back();
    const PageManifest manifest = store.manifest(second);
    write_bytes(blob_path(path, manifest.pages[0].k, ".raw"), as_bytes("damaged, beside an intact one"));
    damage_file(only_file_of(path, manifest.pages[1].v));
    fs::remove(only_file_of(path, manifest.pages[2].k));
    damage_file(only_file_of(path, second));
    write_bytes(path / "snapshots" / second.hex(), as_bytes("{"));
  }
};

VerifyReport repair(Store& store, const Store& from) {
  return repair_store(store, {store.catalog().snapshots(), true}, {1, {}, {&from}});
}

std::size_t damage_in(const fs::path& path) {
  const Store store = Store::open(path);
  REQUIRE(store.catalog().snapshots().size() == 2);
  return check_store(store, {store.catalog().snapshots(), true}).damage.size();
}

/// A blob that was whole before is whole whatever happens.
void require_untouched(const fs::path& path, const Prepared& at) {
  const Store store = Store::open(path);
  for (const PageEntry& page : at.whole.pages) {
    for (const Digest& digest : {page.k, page.v}) {
      if (at.store.blobs().contains(digest)) continue;
      REQUIRE(store.blobs().get(digest) == at.backup.store.blobs().get(digest));
    }
  }
}

}  // namespace

TEST_CASE("a crash at any point of a repair loses nothing, and a repair after it ends as if there had been none") {
  const Prepared at;
  RecordingFileOps ops(at.path);
  Store store = Store::open(Directory::open(at.path, ops));
  const VerifyReport report = repair(store, at.backup.store);
  REQUIRE(report.damage.empty());
  REQUIRE(report.mended.size() == 5);
  const fs::path after = at.dir.path() / "after";
  after_every_crash(ops, {}, after, [&](std::size_t calls) {
    require_untouched(after, at);
    if (calls == ops.call_count()) REQUIRE(damage_in(after) == 0);
    Store left = Store::open(after);
    REQUIRE(repair(left, at.backup.store).damage.empty());
    REQUIRE(damage_in(after) == 0);
  });
}

TEST_CASE("whichever call of a repair fails for want of space, nothing gets worse and the next try succeeds") {
  const std::size_t calls = [] {
    const Prepared at;
    RecordingFileOps ops(at.path);
    Store store = Store::open(Directory::open(at.path, ops));
    repair(store, at.backup.store);
    return ops.call_count();
  }();
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    const Prepared at;
    RecordingFileOps ops(at.path);
    ops.fail_call(call, ENOSPC);
    Store store = Store::open(Directory::open(at.path, ops));
    try {
      repair(store, at.backup.store);
    } catch (const Error& error) {
      REQUIRE(error.code() == std::errc::no_space_on_device);
    }
    if (!ops.is_unlink(call)) REQUIRE(count_temp_files(at.path) == 0);
    ops.stop_failing();
    REQUIRE(repair(store, at.backup.store).damage.empty());
    REQUIRE(damage_in(at.path) == 0);
  }
}

}  // namespace pfcache::test
