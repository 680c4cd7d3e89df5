// What a crash, or a call that fails, leaves of warm starts.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A store whose every change is recorded.
struct RecordedStore {
  TempDir dir;
  fs::path root = dir.path() / "warm";
  RecordingFileOps ops{dir.path()};
  WarmStartStore store{root, {}, ops};
  Fingerprint key = key_for("crash");
};

template <typename Look>
void after_crashes_from(std::size_t first, const RecordedStore& it, Look&& look) {
  const TempDir dir;
  const std::filesystem::path left = dir.path() / "left";
  after_every_crash(it.ops, {.first = first, .random = 6}, left,
                    [&](std::size_t calls) { look(WarmStartStore::open(left / "warm"), calls); });
}

/// What there is under the store's key after a crash now: always `expected`.
void check_survives(const RecordedStore& it, const std::string& expected) {
  after_crashes_from(it.ops.call_count(), it, [&](const WarmStartStore& left, std::size_t /*calls*/) {
    CHECK(payload_of(left, it.key) == expected);
  });
}

bool is_one_of(const std::string& found, std::initializer_list<const char*> expected) {
  return std::find(expected.begin(), expected.end(), found) != expected.end();
}

TEST_CASE("after a crash at any point of an overwrite the old entry or the new one loads") {
  RecordedStore it;
  std::string run = it.store.save(it.key, bytes_of("old"), {1.0, 1, EntryKind::checkpoint});
  const std::size_t saved = it.ops.call_count();
  REQUIRE(saved > 0);
  run = it.store.save_overwrite(it.key, run, bytes_of("new one"), {0.5, 2, EntryKind::checkpoint});
  const std::size_t overwritten = it.ops.call_count();
  // And one that is worse than what it replaces.
  it.store.save_overwrite(it.key, run, bytes_of("the last"), {2.0, 3, EntryKind::final});
  after_crashes_from(0, it, [&](WarmStartStore left, std::size_t calls) {
    const std::string found = payload_of(left, it.key);
    if (calls < saved) {
      CHECK(is_one_of(found, {"-", "old"}));
    } else if (calls < overwritten) {
      CHECK(is_one_of(found, {"old", "new one"}));
    } else {
      CHECK(is_one_of(found, {"new one", "the last"}));
    }
    // What was left half is no obstacle to going on, and goes.
    left.save(it.key, bytes_of("after"), {-1.0, 4, EntryKind::final});
    CHECK(payload_of(left, it.key) == "after");
    left.evict_overflow();
    CHECK(payload_of(left, it.key) == "after");
    for (const std::string& name : names_in(left.root() / it.key.hex())) CHECK_FALSE(is_temp_name(name));
  });
}

TEST_CASE("what a save, or an overwrite, has returned for is there after a crash") {
  RecordedStore it;
  const std::string run = it.store.save(it.key, bytes_of("old"), {1.0, {}, EntryKind::checkpoint});
  check_survives(it, "old");
  it.store.save_overwrite(it.key, run, bytes_of("new"), {0.5, {}, EntryKind::checkpoint});
  check_survives(it, "new");
}

TEST_CASE("an entry survives a crash in a directory that another had just made, and not synced") {
  RecordedStore it;
  it.store.save(key_for("first"), bytes_of("first"), {});
  const Directory root = Directory::open(it.root, it.ops);
  REQUIRE(it.ops.mkdir(root.fd(), it.key.hex().c_str(), 0755) == 0);
  it.store.save(it.key, bytes_of("new"), {});
  check_survives(it, "new");
}

TEST_CASE("a crash in an eviction leaves whole entries and what goes next time") {
  RecordedStore it;
  for (int i = 0; i < 4; ++i) it.store.save(key_for(std::to_string(i)), bytes_of("payload"), {});
  const std::size_t saved = it.ops.call_count();
  WarmStartStore small(it.root, {.size_budget_bytes = 700}, it.ops);
  small.evict_overflow();
  REQUIRE(it.ops.call_count() > saved);
  after_crashes_from(saved, it, [&](WarmStartStore left, std::size_t /*calls*/) {
    CHECK(payload_of(left, key_for("3")) == "payload");
    for (int i = 0; i < 4; ++i) CHECK(is_one_of(payload_of(left, key_for(std::to_string(i))), {"-", "payload"}));
    left.save(key_for("0"), bytes_of("again"), {-1.0, {}, EntryKind::final});
    CHECK(payload_of(left, key_for("0")) == "again");
  });
}

TEST_CASE(
    "whichever call of an overwrite fails, the old entry or the new one loads, no temp file stays, and it works "
    "again") {
  const std::size_t calls = [] {
    RecordedStore it;
    const std::string run = it.store.save(it.key, bytes_of("old"), {});
    it.store.save_overwrite(it.key, run, bytes_of("new"), {});
    return it.ops.call_count();
  }();
  for (const int errnum : {ENOSPC, EIO}) {
    for (std::size_t call = 0; call < calls; ++call) {
      CAPTURE(call);
      RecordedStore it;
      it.ops.fail_call(call, errnum);
      std::string run = "none";
      const char* last = "-";
      bool failed = false;
      try {
        run = it.store.save(it.key, bytes_of("old"), {1.0, {}, EntryKind::checkpoint});
        last = "old";
        it.store.save_overwrite(it.key, run, bytes_of("new"), {0.5, {}, EntryKind::checkpoint});
        last = "new";
      } catch (const Error& error) {
        failed = true;
        CHECK(error.code().value() == errnum);
      }
      INFO(it.ops.describe(call));
      const std::string found = payload_of(it.store, it.key);
      // A failed sync of a directory is after the renames: then the entry is there, but may not survive.
      CHECK((found == last || (failed && is_one_of(found, {"old", "new"}))));
      if (!it.ops.is_unlink(call)) {
        for (const auto& entry : fs::recursive_directory_iterator(it.dir.path())) {
          CHECK_FALSE(is_temp_name(entry.path().filename().native()));
        }
      }
      it.ops.stop_failing();
      it.store.save(it.key, bytes_of("again"), {-1.0, {}, EntryKind::final});
      CHECK(payload_of(it.store, it.key) == "again");
    }
  }
}

}  // namespace
}  // namespace pfcache::test
