// What a power failure, or a call that fails, leaves of a repack.
#include <doctest/doctest.h>

#include <cerrno>

#include "pfcache/inspect.hpp"
#include "pfcache/repack.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "upkeep/upkeep_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

void require_whole(const fs::path& path, std::size_t snapshots) {
  const Store store = Store::open(path);
  REQUIRE(store.catalog().snapshots().size() == snapshots);
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  REQUIRE_MESSAGE(report.damage.empty(), report.damage.front());
}

/// A store with snapshots, one blob of which is there in two encodings, of which one is damaged.
struct Prepared : StoreDir {
  Prepared() {
    capture_sealed(store, 1);
    const CaptureResult second = capture_sealed(store, 2);
    const Digest page = store.manifest(second.digest).pages.front().v;
    write_bytes(blob_path(path, page, ".zst"), bytes_of("damaged"));
  }
};

}  // namespace

TEST_CASE("a crash at any point of a repack leaves every snapshot whole") {
  for (const EncodingPolicy policy : {EncodingPolicy::raw, EncodingPolicy::zstd_19}) {
    const Prepared at;
    RecordingFileOps ops(at.path);
    Store store = Store::open(Directory::open(at.path, ops));
    const RepackReport report = repack_store(store, {policy, 1, {}});
    REQUIRE(report.converted >= 5);
    REQUIRE(report.damage.empty());
    const fs::path after = at.dir.path() / "after";
    after_every_crash(ops, {}, after, [&](std::size_t /*calls*/) { require_whole(after, 2); });
    // Started again after any of the crashes it ends as if there had been none.
    ops.materialise(ops.call_count() / 2, Crash::random, 7, after);
    Store left = Store::open(after);
    REQUIRE(repack_store(left, {policy, 1, {}}).damage.empty());
    require_whole(after, 2);
    left.blobs().for_each([&](const Digest&, const BlobInfo& info) {
      REQUIRE(info.encoding == (policy == EncodingPolicy::raw ? Encoding::raw : Encoding::zstd));
    });
  }
}

TEST_CASE("whichever call fails for want of space, snapshots stay whole and the next try succeeds") {
  const std::size_t calls = [] {
    const Prepared at;
    RecordingFileOps ops(at.path);
    Store store = Store::open(Directory::open(at.path, ops));
    repack_store(store, {EncodingPolicy::raw, 1, {}});
    return ops.call_count();
  }();
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    const Prepared at;
    RecordingFileOps ops(at.path);
    ops.fail_call(call, ENOSPC);
    Store store = Store::open(Directory::open(at.path, ops));
    try {
      repack_store(store, {EncodingPolicy::raw, 1, {}});
    } catch (const Error& error) {
      REQUIRE(error.code() == std::errc::no_space_on_device);
    }
    require_whole(at.path, 2);
    if (!ops.is_unlink(call)) REQUIRE(count_temp_files(at.path) == 0);
    ops.stop_failing();
    REQUIRE(repack_store(store, {EncodingPolicy::raw, 1, {}}).damage.empty());
    require_whole(at.path, 2);
  }
}

}  // namespace pfcache::test
