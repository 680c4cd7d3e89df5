// Many writers of one store at once.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <stdexcept>
#include <thread>

#include "cas/tree.hpp"
#include "cas/zstd_codec.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

constexpr std::uint64_t kBlobs = 100;

Bytes blob_of(std::uint64_t i) { return i % 2 == 0 ? compressible_bytes(100 + 50 * i, i) : random_bytes(50 * i, i); }

void check_holds_all(const std::filesystem::path& root) {
  const FsBlobStore store(root);
  std::size_t visits = 0;
  store.for_each([&](const Digest&, const BlobInfo&) { ++visits; });
  CHECK(visits == kBlobs);
  for (std::uint64_t i = 0; i < kBlobs; ++i) {
    const Bytes blob = blob_of(i);
    CHECK(store.get(sha256(blob)) == blob);
  }
  CHECK(count_temp_files(root) == 0);
}

// Puts all blobs, by one batch or one by one, and reads each back at once.
void put_all(FsBlobStore& store, std::uint64_t first, bool is_batch) {
  const auto batch = store.begin_batch();
  for (std::uint64_t n = 0; n < kBlobs; ++n) {
    const Bytes blob = blob_of((first + n) % kBlobs);
    if (is_batch) {
      batch->put(blob);
    } else {
      const Digest digest = store.put(blob).digest;
      if (store.get(digest) != blob) throw std::runtime_error("read other bytes than were put");
    }
  }
  batch->commit();
}

pid_t put_all_in_child(const std::filesystem::path& root, std::uint64_t first, bool is_batch) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    FsBlobStore store(root);
    put_all(store, first, is_batch);
    ::_exit(0);
  } catch (...) {
    ::_exit(1);
  }
}

TEST_CASE("two processes that put the same blobs at once leave each blob once and intact") {
  for (std::uint64_t round = 0; round < 10; ++round) {
    CAPTURE(round);
    const TempDir dir;
    const pid_t a = put_all_in_child(dir.path(), 0, round % 4 != 0);
    const pid_t b = put_all_in_child(dir.path(), 3 * round, true);
    for (const pid_t child : {a, b}) {
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(status == 0);
    }
    check_holds_all(dir.path());
  }
}

TEST_CASE("two processes that repair the same damaged blobs at once leave all of them intact") {
  for (std::uint64_t round = 0; round < 5; ++round) {
    const TempDir dir;
    for (std::uint64_t i = 0; i < kBlobs; ++i) {
      write_bytes(blob_path(dir.path(), sha256(blob_of(i)), i % 3 == 0 ? ".raw" : ".zst"), bytes_of("damage"));
    }
    const pid_t a = put_all_in_child(dir.path(), 0, true);
    const pid_t b = put_all_in_child(dir.path(), 50, round % 4 != 0);
    for (const pid_t child : {a, b}) {
      int status = -1;
      REQUIRE(::waitpid(child, &status, 0) == child);
      CHECK(status == 0);
    }
    check_holds_all(dir.path());
  }
}

TEST_CASE("eight threads put overlapping sets into one store, reading as they go") {
  const TempDir dir;
  FsBlobStore store(dir.path());
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) {
      threads.emplace_back([&store, t] { put_all(store, t * 12, t % 2 == 0); });
    }
  }
  check_holds_all(dir.path());
}

TEST_CASE("two stores in one process don't get into each other's way") {
  const TempDir dir;
  {
    std::vector<std::jthread> threads;
    for (std::uint64_t t = 0; t < 2; ++t) {
      threads.emplace_back([&dir, t] {
        FsBlobStore store(dir.path());
        put_all(store, t * 10, false);
      });
    }
  }
  check_holds_all(dir.path());
}

TEST_CASE("a blob whose encoding is being changed is found at every moment") {
  const TempDir dir;
  const FsBlobStore reader(dir.path());
  for (std::uint64_t i = 0; i < 400; ++i) {
    CAPTURE(i);
    const Bytes blob = compressible_bytes(200, i);
    const Digest digest = sha256(blob);
    const auto zst = blob_path(dir.path(), digest, ".zst");
    const auto raw = blob_path(dir.path(), digest, ".raw");
    write_bytes(zst, zstd_encode(blob, 1));
    write_bytes(raw.native() + ".new", blob);
    std::atomic<bool> is_looking{false};
    const std::jthread changer([&] {
      while (!is_looking) std::this_thread::yield();
      std::filesystem::rename(raw.native() + ".new", raw);
      std::filesystem::remove(zst);
    });
    bool found = true;
    while (found && std::filesystem::exists(zst)) {
      is_looking = true;
      found = reader.contains(digest) && reader.get(digest) == blob;
    }
    CHECK(found);
    is_looking = true;
  }
}

}  // namespace
}  // namespace pfcache::test
