// What a power failure, or a call that fails, leaves of a commit and of an arrival.
#include <doctest/doctest.h>

#include <array>
#include <cerrno>
#include <functional>

#include "base/directory.hpp"
#include "pfcache/inspect.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/staging.hpp"
#include "snapshot/staged_files.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A store in which a snapshot has been written into staging, by somebody whose writes are durable; from then on every
/// change is recorded.
struct Recorded {
  TempDir dir;
  fs::path path = dir.path() / "store";
  StagedFiles files{2};
  bool prepared;
  RecordingFileOps ops;
  Store store;

  explicit Recorded(bool arriving)
      : prepared(prepare(arriving)), ops(path), store(Store::open(Directory::open(path, ops))) {}

  bool prepare(bool arriving) {
    Store fresh = Store::init(path);
    static_cast<void>(fresh.lease());
    Staging staging(fresh, 1);
    if (!arriving) {
      staging.make_new("foo");
      files.write_draft(path / "staging/new/foo");
    } else {
      static_cast<void>(staging.make_arriving(files.digest));
      const fs::path target = path / "staging/snap" / files.digest.hex();
      fs::create_directory(target / "pages");
      for (const PageEntry& page : files.manifest.pages) files.write_page(target, page.ix.value);
      write_text(target / "manifest.json", files.json);
    }
    return true;
  }

  void commit() {
    Staging staging(store, 1);
    StagedSnapshot::CommitOptions options;
    options.ref = "latest";
    static_cast<void>(staging.find_new("foo")->commit(options));
  }

  void arrive() {
    Staging staging(store, 1);
    REQUIRE(staging.find_arriving(files.digest)->is_sealed());
  }
};

void require_sound(const fs::path& path) {
  const Store store = Store::open(path);
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  REQUIRE_MESSAGE(report.damage.empty(), report.damage.front());
  if (const auto named = store.catalog().ref("latest")) REQUIRE(store.has_snapshot(*named));
}

}  // namespace

TEST_CASE("a crash at any point of a commit leaves the staging directory or the sealed snapshot") {
  Recorded recorded(false);
  recorded.commit();
  const fs::path after = recorded.dir.path() / "after";
  after_every_crash(recorded.ops, {}, after, [&](std::size_t /*calls*/) {
    require_sound(after);
    Store left = Store::open(after);
    if (left.catalog().ref("latest")) return;
    Staging staging(left, 1);
    const auto staged = staging.find_new("foo");
    REQUIRE(staged != nullptr);
    REQUIRE(staged->commit({}) == recorded.files.digest);
  });
}

TEST_CASE("a crash at any point of an arrival leaves what arrived or the sealed snapshot") {
  Recorded recorded(true);
  recorded.arrive();
  const fs::path after = recorded.dir.path() / "after";
  after_every_crash(recorded.ops, {}, after, [&](std::size_t /*calls*/) {
    require_sound(after);
    Store left = Store::open(after);
    if (left.has_snapshot(recorded.files.digest)) return;
    Staging staging(left, 1);
    const auto arriving = staging.find_arriving(recorded.files.digest);
    REQUIRE(arriving != nullptr);
    REQUIRE(arriving->is_sealed());
  });
}

TEST_CASE("whichever call of a commit fails for want of space, the next try succeeds") {
  const std::size_t calls = [] {
    Recorded recorded(false);
    recorded.commit();
    return recorded.ops.call_count();
  }();
  REQUIRE(calls > 10);
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    Recorded recorded(false);
    recorded.ops.fail_call(call, ENOSPC);
    try {
      recorded.commit();
    } catch (const Error& error) {
      REQUIRE(error.code() == std::errc::no_space_on_device);
    }
    require_sound(recorded.path);
    recorded.ops.stop_failing();
    if (fs::exists(recorded.path / "staging/new/foo")) recorded.commit();
    REQUIRE(Store::open(recorded.path).catalog().ref("latest") == recorded.files.digest);
  }
}

namespace {

/// What somebody does who brings a snapshot: each step again when it fails, and nothing of the steps before.
struct Bringing {
  TempDir dir;
  fs::path path = dir.path() / "store";
  StagedFiles files{3};
  fs::path target = path / "staging/snap" / files.digest.hex();
  Store fresh = Store::init(path);
  WriterLease lease_made = fresh.lease();
  RecordingFileOps ops{path};
  Store store = Store::open(Directory::open(path, ops));
  Staging staging{store, 1};
  ArrivingSnapshotPtr arriving;

  void bring_page(std::uint32_t ix) {
    fs::create_directories(target / "pages");
    files.write_page(target, ix);
    arriving->take("pages", page_file_name(PageIndex{ix}), page_file_name(PageIndex{ix}));
  }
  void bring_manifest() {
    write_text(target / "manifest.json", files.json);
    arriving->take("", "manifest.json", "manifest.json");
  }

  std::size_t run() {
    const std::array<std::function<void()>, 7> steps = {
        [&] { arriving = staging.make_arriving(files.digest); },
        [&] { bring_page(0); },
        [&] { bring_manifest(); },
        [&] { arriving->sync(); },
        [&] { bring_page(1); },
        [&] { arriving->sync(); },
        [&] { bring_page(2); },
    };
    for (const auto& step : steps) {
      try {
        step();
      } catch (const Error& error) {
        REQUIRE(error.code() == std::errc::no_space_on_device);
        ops.stop_failing();
        step();
      }
    }
    return ops.call_count();
  }
};

}  // namespace

TEST_CASE("whichever call of an arrival fails, nothing that was taken before is lost, and the rest seals it") {
  const std::size_t calls = Bringing().run();
  REQUIRE(calls > 20);
  for (std::size_t call = 0; call < calls; ++call) {
    CAPTURE(call);
    Bringing bringing;
    bringing.ops.fail_call(call, ENOSPC);
    bringing.run();
    bringing.arriving->sync();
    REQUIRE(bringing.store.has_snapshot(bringing.files.digest));
    require_sound(bringing.path);
  }
}

}  // namespace pfcache::test
