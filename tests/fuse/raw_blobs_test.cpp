// Blobs that the store keeps as they are, in the hot store: their own files, verified.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_store.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "support/temp_dir.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t kSize = 100'000;

struct Sample {
  explicit Sample(VerifyWhen verify = VerifyWhen::once, std::size_t files = 100)
      : hot(store, *backing, {1U << 20U, files, verify}, log) {}

  HotKey put(unsigned char byte) {
    bytes.assign(kSize, std::byte{byte});
    return {{store.put(bytes).digest, {}}, 1, kSize};
  }

  [[nodiscard]] fs::path path_of(const HotKey& key) const {
    const std::string hex = key.digests[0].hex();
    return dir.path() / "blobs/sha256" / hex.substr(0, 2) / (hex + ".raw");
  }

  // Overwrites a byte where it lies; the file stays the same one.
  void spoil(const HotKey& key) const {
    std::fstream file(path_of(key), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(kSize / 2);
    file.put('\x7F');
    REQUIRE(file.flush());
  }

  pfcache::test::TempDir dir;
  FsBlobStore store{dir.path(), EncodingPolicy::raw};
  Log log{[](std::string_view) {}};
  std::unique_ptr<HotBacking> backing = make_hot_memory();
  HotStore hot;
  std::vector<std::byte> bytes;
};

ino_t inode_of(int fd) {
  struct stat found {};
  REQUIRE(::fstat(fd, &found) == 0);
  return found.st_ino;
}

ino_t inode_of(const fs::path& path) {
  struct stat found {};
  REQUIRE(::stat(path.c_str(), &found) == 0);
  return found.st_ino;
}

bool holds(const HotFilePtr& file, unsigned char byte) {
  std::vector<std::byte> found(file->size_bytes());
  return read_at(file->fd(), 0, found) && found == std::vector(kSize, std::byte{byte});
}

}  // namespace

TEST_CASE("a blob kept as it is is served from its own file, which costs no memory") {
  Sample sample;
  const HotKey key = sample.put(1);
  const HotFilePtr file = sample.hot.get(key);
  CHECK(file->is_blob());
  CHECK(inode_of(file->fd()) == inode_of(sample.path_of(key)));
  CHECK(holds(file, 1));
  CHECK(sample.hot.has(key));
  CHECK(sample.hot.get(key) == file);
  CHECK(sample.hot.held_bytes() == 0);
  CHECK(::pwrite(file->fd(), "x", 1, 0) == -1);
}

TEST_CASE("K and V in one file are a copy, and so is a blob of another size than it should have") {
  Sample sample;
  HotKey key = sample.put(1);
  key.digests[1] = sample.put(2).digests[0];
  key.blob_count = 2;
  CHECK_FALSE(sample.hot.get(key)->is_blob());
  HotKey wrong = sample.put(1);
  wrong.blob_bytes -= 1;
  CHECK_THROWS_AS((void)sample.hot.get(wrong), Error);
}

TEST_CASE("such files count in the limit of files") {
  Sample sample(VerifyWhen::once, 2);
  for (unsigned char i = 1; i <= 3; ++i) (void)sample.hot.get(sample.put(i));
  int held = 0;
  for (unsigned char i = 1; i <= 3; ++i) held += sample.hot.has(sample.put(i)) ? 1 : 0;
  CHECK(held == 2);
}

TEST_CASE("a blob's file that is changed is verified again, and damage is never given out") {
  Sample sample;
  const HotKey key = sample.put(1);
  const HotFilePtr before = sample.hot.get(key);
  sample.spoil(key);
  CHECK_FALSE(before->is_unchanged());
  for (int i = 0; i < 2; ++i) {
    try {
      (void)sample.hot.get(key);
      FAIL("read");
    } catch (const Error& error) {
      CHECK(error.code() == Errc::damaged);
    }
  }
  sample.hot.prefetch(std::vector{key});
  CHECK_THROWS_AS((void)sample.hot.get(key), Error);
  CHECK(sample.put(1) == key);  // repairs it
  CHECK(holds(sample.hot.get(key), 1));
}

TEST_CASE("a file that was only touched is right after another look") {
  Sample sample;
  const HotKey key = sample.put(1);
  const HotFilePtr before = sample.hot.get(key);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // a tick of the clock that stamps files
  fs::last_write_time(sample.path_of(key), fs::file_time_type::clock::now());
  CHECK_FALSE(before->is_current());
  const HotFilePtr after = sample.hot.get(key);
  CHECK(after != before);
  CHECK(after->is_current());
  CHECK(holds(after, 1));
}

TEST_CASE("who always verifies finds a hot file changed by others, and makes another") {
  Sample sample;
  HotKey key = sample.put(1);
  key.digests[1] = key.digests[0];
  key.blob_count = 2;
  const std::unique_ptr<HotBacking> directory = make_hot_directory((sample.dir.path() / "hot").string(), sample.log);
  HotStore careful(sample.store, *directory, {1U << 20U, 10, VerifyWhen::always}, sample.log);
  const HotFilePtr file = careful.get(key);
  CHECK(careful.get(key) == file);
  const fs::directory_entry hot_file = *fs::directory_iterator(sample.dir.path() / "hot");
  fs::permissions(hot_file, fs::perms::owner_write, fs::perm_options::add);
  std::ofstream(hot_file.path(), std::ios::in | std::ios::binary) << "x";
  std::vector<std::byte> found(2 * kSize);
  REQUIRE(read_at(careful.get(key)->fd(), 0, found));
  CHECK(found == std::vector(2 * kSize, std::byte{1}));
}

TEST_CASE("a removed blob stays readable to those who have it, and is gone for others") {
  Sample sample;
  const HotKey key = sample.put(1);
  const HotFilePtr file = sample.hot.get(key);
  REQUIRE(sample.store.remove(key.digests[0]));
  CHECK(file->is_unchanged());
  CHECK_FALSE(file->is_current());
  CHECK(holds(file, 1));
  CHECK_THROWS_AS((void)sample.hot.get(key), Error);
}

TEST_CASE("a blob that was repacked is found in its new form") {
  Sample sample;
  const HotKey key = sample.put(1);
  const HotFilePtr file = sample.hot.get(key);
  REQUIRE(sample.store.remove(key.digests[0]));
  FsBlobStore packing(sample.dir.path(), EncodingPolicy::automatic);
  REQUIRE(packing.put(sample.bytes).digest == key.digests[0]);
  const HotFilePtr decoded = sample.hot.get(key);
  CHECK_FALSE(decoded->is_blob());
  CHECK(holds(decoded, 1));
  CHECK(holds(file, 1));
  CHECK(sample.hot.held_bytes() >= kSize);
}

TEST_CASE("blobs' own files are verified ahead, too") {
  Sample sample;
  std::vector<HotKey> keys;
  for (unsigned char i = 1; i <= 20; ++i) keys.push_back(sample.put(i));
  sample.spoil(keys[7]);
  sample.hot.prefetch(keys);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    CHECK(sample.hot.has(keys[i]) == (i != 7));
    if (i != 7) CHECK(holds(sample.hot.get(keys[i]), static_cast<unsigned char>(i + 1)));
  }
  CHECK(sample.hot.held_bytes() == 0);
}
