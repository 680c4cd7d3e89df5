// What a power failure, or a call that fails, leaves of a save.
#include <doctest/doctest.h>

#include <cerrno>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "prompt/prompt_support.hpp"
#include "support/failure.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

/// A cache whose every change is recorded: blobs and prompts below one directory.
struct RecordedCache {
  TempDir dir;
  fs::path root = dir.path() / "root";
  RecordingFileOps ops;
  FsBlobStore blobs;
  DiskKvCache cache;

  explicit RecordedCache(bool dedup)
      : ops((fs::create_directories(root / "prompt"), root)),
        blobs(Directory::open(root, ops), EncodingPolicy::raw),
        cache(Directory::open(root / "prompt", ops), kBudget, options(dedup)) {}

  DiskKvCacheOptions options(bool dedup) {
    DiskKvCacheOptions chosen = options_at();
    chosen.blobs = &blobs;
    chosen.dedup = dedup;
    return chosen;
  }
};

/// The payload of "text" in what a crash left; nothing when there is none. Anything half is a failure of the test.
std::optional<std::string> payload_in(const fs::path& root) {
  FsBlobStore blobs(root, EncodingPolicy::raw);
  DiskKvCacheOptions options = options_at();
  options.blobs = &blobs;
  DiskKvCache cache(root / "prompt", kBudget, options);
  for (const std::string& file : names_in(root / "prompt")) {
    if (const auto name = PromptName::parse(file)) REQUIRE(cache.find(name->key));
  }
  auto loaded = cache.load(DiskKvCache::key_for("text"));
  if (!loaded) return std::nullopt;
  return std::string(as_text(loaded->payload()));
}

}  // namespace

TEST_CASE(
    "after a crash at any call of a save there is the old entry or the new one, and the new one once it returned") {
  const std::string first = payload_of(70'000, 1);
  const std::string second = payload_of(90'000, 2);
  for (const bool dedup : {false, true}) {
    CAPTURE(dedup);
    RecordedCache recorded(dedup);
    save(recorded.cache, "text", first);
    const std::size_t after_first = recorded.ops.call_count();
    save(recorded.cache, "text", second);
    const fs::path left = recorded.dir.path() / "left";
    for (std::size_t calls = 0; calls <= recorded.ops.call_count(); ++calls) {
      CAPTURE(calls);
      for (std::uint64_t seed = 0; seed < 6; ++seed) {
        const Crash crash = seed == 0 ? Crash::drop_unsynced : seed == 1 ? Crash::keep_all : Crash::random;
        recorded.ops.materialise(calls, crash, 100 * calls + seed, left);
        const auto payload = payload_in(left);
        if (payload) REQUIRE((*payload == first || *payload == second));
        if (calls >= after_first) REQUIRE(payload);
        if (calls == recorded.ops.call_count()) REQUIRE(*payload == second);
      }
    }
  }
}

TEST_CASE("after a crash at any call of a load the hit and its time are both noted, or neither") {
  constexpr std::uint64_t kEarlier = kNow - 5000;
  for (const bool dedup : {false, true}) {
    CAPTURE(dedup);
    RecordedCache recorded(dedup);
    const auto key =
        save(recorded.cache, "text", "payload", {.hit_count = 7, .last_used_unix_secs = kEarlier}).info.name.key;
    const std::size_t before = recorded.ops.call_count();
    REQUIRE(recorded.cache.load(key));
    const fs::path left = recorded.dir.path() / "left";
    std::uint32_t hits = 0;
    for (std::size_t calls = before; calls <= recorded.ops.call_count(); ++calls) {
      CAPTURE(calls);
      for (const Crash crash : {Crash::drop_unsynced, Crash::keep_all}) {
        recorded.ops.materialise(calls, crash, 0, left);
        const auto found = DiskKvCache(left / "prompt", kBudget, options_at()).find(key);
        REQUIRE(found);
        hits = found->header.hit_count;
        CHECK((hits == 7 || hits == 8));
        CHECK(found->header.last_used_unix_secs == (hits == 7 ? kEarlier : kNow));
        CHECK(payload_in(left) == "payload");
      }
    }
    CHECK(hits == 8);
  }
}

TEST_CASE("whichever call fails for want of space, the old entry stays, no temp file does, and the next try succeeds") {
  for (const bool dedup : {false, true}) {
    for (const int errnum : {ENOSPC, EIO}) {
      bool went_through = false;
      for (std::size_t failing = 0; !went_through; ++failing) {
        CAPTURE(failing);
        RecordedCache recorded(dedup);
        save(recorded.cache, "text", "old");
        const std::size_t before = recorded.ops.call_count();
        recorded.ops.fail_call(before + failing, errnum);
        try {
          save(recorded.cache, "text", "new");
          went_through = recorded.ops.call_count() <= before + failing;
        } catch (const Error& error) {
          REQUIRE(error.code().value() == errnum);
        }
        const auto payload = payload_in(recorded.root);
        REQUIRE((payload == "old" || payload == "new"));
        REQUIRE(names_in(recorded.root / "prompt").size() == 1);
        recorded.ops.stop_failing();
        save(recorded.cache, "text", "newer");
        REQUIRE(payload_in(recorded.root) == "newer");
      }
    }
  }
}

}  // namespace pfcache::test
