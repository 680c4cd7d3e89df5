// What a crash, or a call that fails, leaves of blobs that were on their way in.
#include <doctest/doctest.h>

#include <cerrno>
#include <functional>

#include "base/directory.hpp"
#include "cas/tree.hpp"
#include "pfcache/error.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "support/crashes.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

std::vector<Bytes> first_blobs() { return {{}, bytes_of("x"), compressible_bytes(3000, 1), random_bytes(3000, 1)}; }

std::vector<Bytes> second_blobs() {
  return {compressible_bytes(3000, 1), compressible_bytes(2000, 2), random_bytes(700, 2)};
}

void put_batch(BlobStore& store, const std::vector<Bytes>& blobs) {
  const auto batch = store.begin_batch();
  for (const Bytes& blob : blobs) batch->put(blob);
  batch->commit();
}

void damage(const fs::path& root, const std::vector<Bytes>& blobs) {
  const std::string suffixes[] = {".zst", ".raw"};
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    write_bytes(blob_path(root, sha256(blobs[i]), suffixes[i % 2]), bytes_of("damage"));
  }
}

enum class State { absent, damaged, intact };

State state_of(const FsBlobStore& store, const Bytes& blob) {
  try {
    Bytes out(blob.size());
    store.get_into(sha256(blob), out);
    CHECK(out == blob);
    return State::intact;
  } catch (const Error& error) {
    if (error.code() == Errc::not_found) return State::absent;
    CHECK(error.code() == Errc::damaged);
    return State::damaged;
  }
}

TEST_CASE("after a crash at any point each blob is absent or intact, and all are there once commit has returned") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  FsBlobStore store(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  put_batch(store, first_blobs());
  const std::size_t first_end = ops.call_count();
  put_batch(store, second_blobs());
  const std::size_t second_end = ops.call_count();
  REQUIRE(first_end > 0);
  REQUIRE(second_end > first_end);
  const TempDir left;
  after_every_crash(ops, {.random = 6}, left.path(), [&](std::size_t calls) {
    const FsBlobStore after(left.path());
    for (const Bytes& blob : first_blobs()) {
      CHECK(state_of(after, blob) != State::damaged);
      if (calls >= first_end) CHECK(state_of(after, blob) == State::intact);
    }
    for (const Bytes& blob : second_blobs()) {
      CHECK(state_of(after, blob) != State::damaged);
      if (calls == second_end) CHECK(state_of(after, blob) == State::intact);
    }
  });
}

TEST_CASE("after a crash in a repair each blob is damaged as before or intact, never absent") {
  const TempDir dir;
  damage(dir.path(), first_blobs());
  RecordingFileOps ops(dir.path());
  FsBlobStore store(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  put_batch(store, first_blobs());
  const TempDir left;
  after_every_crash(ops, {.random = 6}, left.path(), [&](std::size_t calls) {
    const FsBlobStore after(left.path());
    for (const Bytes& blob : first_blobs()) {
      CHECK(state_of(after, blob) != State::absent);
      if (calls == ops.call_count()) CHECK(state_of(after, blob) == State::intact);
    }
  });
}

TEST_CASE("a blob that another writer has renamed and not yet synced is durable when our commit returns") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  const Bytes blob = compressible_bytes(3000, 1);
  // The other writer stops right before it syncs its first directory: it has renamed by then.
  FsBlobStore other(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  const auto batch = other.begin_batch();
  batch->put(blob);
  const std::size_t file_sync_and_rename = 3;  // open, fsync, rename
  ops.fail_call(ops.call_count() + file_sync_and_rename, EIO);
  CHECK_THROWS_AS(batch->commit(), Error);
  REQUIRE(other.contains(sha256(blob)));

  FsBlobStore ours(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  CHECK_FALSE(ours.put(blob).added);
  const TempDir left;
  after_every_crash(ops, {.first = ops.call_count(), .random = 6}, left.path(),
                    [&](std::size_t /*calls*/) { CHECK(state_of(FsBlobStore(left.path()), blob) == State::intact); });
}

// Lets each call of a batch fail in turn; what is left has no temp files, and a second try succeeds.
void check_every_failure(int errnum, const std::function<void(const fs::path&)>& prepare) {
  const std::vector<Bytes> blobs = first_blobs();
  bool went_through = false;
  for (std::size_t failing = 0; !went_through; ++failing) {
    CAPTURE(failing);
    const TempDir dir;
    prepare(dir.path());
    RecordingFileOps ops(dir.path());
    ops.fail_call(failing, errnum);
    FsBlobStore store(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
    try {
      put_batch(store, blobs);
      went_through = ops.call_count() <= failing;
      CHECK(went_through);
    } catch (const Error& error) {
      CHECK(error.code().value() == errnum);
    }
    CHECK(count_temp_files(dir.path()) == 0);
    ops.stop_failing();
    put_batch(store, blobs);
    CHECK(count_temp_files(dir.path()) == 0);
    const TempDir left;
    ops.materialise(ops.call_count(), Crash::drop_unsynced, 0, left.path());
    for (const Bytes& blob : blobs) CHECK(state_of(FsBlobStore(left.path()), blob) == State::intact);
  }
}

TEST_CASE("whichever call fails, no temp files stay and a second try succeeds") {
  for (const int errnum : {ENOSPC, EIO}) {
    check_every_failure(errnum, [](const fs::path&) {});
    check_every_failure(errnum, [](const fs::path& root) { damage(root, first_blobs()); });
  }
}

TEST_CASE("a failure on the way to commit leaves only temp files that could not be removed") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  FsBlobStore store(Directory::open(dir.path(), ops), EncodingPolicy::automatic);
  {
    const auto batch = store.begin_batch();
    batch->put(bytes_of("a"));
    batch->put(bytes_of("b"));
    ops.fail_call(ops.call_count(), EIO);  // the first unlink
  }
  CHECK(ops.is_unlink(ops.call_count() - 1));
  CHECK(count_temp_files(dir.path()) == 1);
  CHECK(store.physical_bytes() == 0);
}

}  // namespace
}  // namespace pfcache::test
