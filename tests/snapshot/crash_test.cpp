// What a power failure, or a call that fails, leaves of a capture.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/directory.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/inspect.hpp"
#include "snapshot/snapshot_support.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A store whose every change is recorded.
struct RecordedStore {
  TempDir dir;
  fs::path path = dir.path() / "store";
  RecordingFileOps ops;
  FsBlobStore blobs;
  Catalog catalog;

  RecordedStore() : ops((Store::init(path), path)), blobs(root(), EncodingPolicy::automatic), catalog(root()) {}

  Directory root() { return Directory::open(path, ops); }

  /// Captures, seals and names a small cache: all that a command does.
  Digest capture(std::uint64_t seed) {
    SyntheticCachePager pager({4, 1, 1, 4, DType::bf16});
    pager.populate_synthetic(2, seed);
    CaptureOptions options;
    options.threads = 1;
    const CaptureResult result = capture_cache(pager, blobs, options);
    catalog.seal(result.digest, {1, "test", "", false, result.pages, result.logical_bytes});
    catalog.set_ref("latest", result.digest);
    return result.digest;
  }
};

/// Everything sealed is whole, and everything named is sealed.
void require_sound(const fs::path& path) {
  const Store store = Store::open(path);
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  REQUIRE_MESSAGE(report.damage.empty(), report.damage.front());
  if (const auto named = store.catalog().ref("latest")) REQUIRE(store.has_snapshot(*named));
}

std::size_t temp_files_in(const fs::path& path) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path)) {
    if (is_temp_name(entry.path().filename().native())) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("a crash at any point leaves sealed snapshots whole and refs that lead to them") {
  RecordedStore store;
  const Digest first = store.capture(1);
  const std::size_t calls_of_first = store.ops.call_count();
  const Digest second = store.capture(2);
  const fs::path after = store.dir.path() / "after";
  after_every_crash(store.ops, {}, after, [&](std::size_t calls) {
    require_sound(after);
    const Store left = Store::open(after);
    // What a call that has returned made is durable.
    if (calls >= calls_of_first) REQUIRE(left.has_snapshot(first));
    if (calls == store.ops.call_count()) REQUIRE(left.catalog().ref("latest") == second);
  });
}

TEST_CASE("whichever call fails for want of space, nothing half is left, and the next try succeeds") {
  const std::size_t calls = [] {
    RecordedStore store;
    store.capture(1);
    return store.ops.call_count();
  }();
  REQUIRE(calls > 10);
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    RecordedStore store;
    store.ops.fail_call(call, ENOSPC);
    try {
      store.capture(1);
    } catch (const Error& error) {
      REQUIRE(error.code() == std::errc::no_space_on_device);
    }
    require_sound(store.path);
    // A removal that fails leaves its file: that one is for a sweep.
    if (!store.ops.is_unlink(call)) REQUIRE(temp_files_in(store.path) == 0);
    store.ops.stop_failing();
    const Digest digest = store.capture(1);
    require_sound(store.path);
    REQUIRE(Store::open(store.path).catalog().ref("latest") == digest);
  }
}

}  // namespace pfcache::test
