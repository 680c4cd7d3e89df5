#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_store.hpp"
#include "pfcache/error.hpp"
#include "pfcache/mem_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
namespace fs = std::filesystem;

namespace {

// A hot directory, and blobs of 5000 bytes for it.
struct Sample {
  pfcache::test::TempDir dir;
  fs::path hot = dir.path() / "hot";
  std::vector<std::string> lines;
  Log log{[this](std::string_view line) { lines.emplace_back(line); }};
  MemBlobStore blobs;

  [[nodiscard]] std::unique_ptr<HotBacking> open() { return make_hot_directory(hot.string(), log); }

  HotKey add_page(char k, char v) { return {{add_blob(k), add_blob(v)}, 2, 5000}; }

  Digest add_blob(char fill) {
    const std::string text(5000, fill);
    return blobs.put(std::as_bytes(std::span(text))).digest;
  }

  [[nodiscard]] fs::path file_of(const HotKey& key) const {
    return hot / (key.digests[0].hex() + (key.blob_count == 2 ? key.digests[1].hex() : ""));
  }

  [[nodiscard]] std::size_t file_count() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(hot), fs::directory_iterator()));
  }
};

constexpr HotLimits kPlenty{1U << 30U, 1000};

std::string text_of(const HotFilePtr& file) {
  std::string text(file->size_bytes(), '\0');
  REQUIRE(read_at(file->fd(), 0, std::as_writable_bytes(std::span(text))));
  return text;
}

void damage(const fs::path& file, std::streamoff offset, char byte) {
  fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekp(offset);
  stream.put(byte);
}

}  // namespace

TEST_CASE("a hot file has the name of what it holds, and nobody may write it") {
  Sample sample;
  const HotKey key = sample.add_page('k', 'v');
  const auto backing = sample.open();
  HotStore store(sample.blobs, *backing, kPlenty, sample.log);
  CHECK(text_of(store.get(key)) == std::string(5000, 'k') + std::string(5000, 'v'));
  REQUIRE(fs::exists(sample.file_of(key)));
  CHECK(fs::file_size(sample.file_of(key)) == 10000);
  CHECK((fs::status(sample.file_of(key)).permissions() == fs::perms(0444)));
  CHECK(sample.file_count() == 1);
}

TEST_CASE("what one process made another finds, and a later one, without the store") {
  Sample sample;
  const HotKey key = sample.add_page('k', 'v');
  const MemBlobStore nothing;
  const auto ours = sample.open();
  const auto theirs = sample.open();
  HotStore first(sample.blobs, *ours, kPlenty, sample.log);
  HotStore second(nothing, *theirs, kPlenty, sample.log);
  const std::string text = text_of(first.get(key));
  CHECK(text_of(second.get(key)) == text);
  const auto later = sample.open();
  HotStore third(nothing, *later, kPlenty, sample.log);
  CHECK(third.held_bytes() == 12288);
  CHECK(text_of(third.get(key)) == text);
  CHECK(sample.lines.empty());
}

TEST_CASE("a file that is torn, cut, longer or no file is never served, and is made again") {
  const std::vector<void (*)(const fs::path&)> ways = {
      [](const fs::path& file) { damage(file, 9999, 'x'); },
      [](const fs::path& file) { damage(file, 0, '\0'); },
      [](const fs::path& file) { fs::resize_file(file, 9999); },
      [](const fs::path& file) { fs::resize_file(file, 0); },
      [](const fs::path& file) { fs::resize_file(file, 10002); },
      [](const fs::path& file) {
        fs::resize_file(file, 0);
        fs::resize_file(file, 10000);  // zeros, as after a crash
      },
      [](const fs::path& file) {
        fs::remove(file);
        fs::create_symlink("/dev/zero", file);
      },
  };
  for (std::size_t i = 0; i < ways.size(); ++i) {
    CAPTURE(i);
    Sample sample;
    const HotKey key = sample.add_page('k', 'v');
    std::string text;
    {
      const auto backing = sample.open();
      HotStore store(sample.blobs, *backing, kPlenty, sample.log);
      text = text_of(store.get(key));
    }
    ways[i](sample.file_of(key));
    {
      const MemBlobStore nothing;
      const auto backing = sample.open();
      HotStore store(nothing, *backing, kPlenty, sample.log);
      CHECK_THROWS_AS((void)store.get(key), Error);
    }
    const auto backing = sample.open();
    HotStore store(sample.blobs, *backing, kPlenty, sample.log);
    CHECK(text_of(store.get(key)) == text);
  }
}

TEST_CASE("what was removed as wrong is made again under its name") {
  Sample sample;
  const HotKey key = sample.add_page('k', 'v');
  const auto backing = sample.open();
  std::ofstream(sample.file_of(key)) << std::string(10000, 'x');
  HotStore store(sample.blobs, *backing, kPlenty, sample.log);
  (void)store.get(key);
  REQUIRE(sample.lines.size() == 1);
  CHECK(sample.lines[0].find(sample.file_of(key).string()) != std::string::npos);
  const MemBlobStore nothing;
  HotStore again(nothing, *backing, kPlenty, sample.log);
  CHECK(text_of(again.get(key)).front() == 'k');
}

TEST_CASE("the directory stays below the limit, and what goes are the oldest files") {
  Sample sample;
  const HotKey keys[] = {sample.add_page('a', 'b'), sample.add_page('c', 'd'), sample.add_page('e', 'f')};
  {
    const auto backing = sample.open();
    HotStore store(sample.blobs, *backing, kPlenty, sample.log);
    for (const HotKey& key : keys) (void)store.get(key);
  }
  for (std::size_t i = 0; i < 3; ++i) {
    const auto hours = std::chrono::hours(static_cast<int>(i));
    fs::last_write_time(sample.file_of(keys[i]), fs::file_time_type::clock::now() - std::chrono::hours(9) + hours);
  }
  const auto backing = sample.open();
  HotStore store(sample.blobs, *backing, {2 * 12288, 1000}, sample.log);
  CHECK(sample.file_count() == 2);
  CHECK_FALSE(fs::exists(sample.file_of(keys[0])));
  (void)store.get(keys[1]);
  const HotFilePtr first = store.get(keys[0]);
  CHECK_FALSE(fs::exists(sample.file_of(keys[2])));
  (void)store.get(keys[2]);
  (void)store.get(keys[1]);
  CHECK_FALSE(fs::exists(sample.file_of(keys[0])));
  CHECK(text_of(first).front() == 'a');  // open, though its name is gone
  CHECK(store.held_bytes() == 2 * 12288);
}

TEST_CASE("files of others in the directory are left alone") {
  Sample sample;
  fs::create_directory(sample.hot);
  std::ofstream(sample.hot / "notes.txt") << "mine";
  std::ofstream(sample.hot / std::string(64, 'g')) << "no digest";
  std::ofstream(sample.hot / std::string(192, 'a')) << "three";
  fs::create_directory(sample.hot / std::string(64, 'b'));
  const auto backing = sample.open();
  const HotStore store(sample.blobs, *backing, {0, 0}, sample.log);
  CHECK(sample.file_count() == 4);
  CHECK(backing->list().empty());
}

TEST_CASE("a damaged blob leaves nothing in the directory") {
  Sample sample;
  HotKey key = sample.add_page('k', 'v');
  sample.blobs.remove(key.digests[1]);
  const auto backing = sample.open();
  HotStore store(sample.blobs, *backing, kPlenty, sample.log);
  CHECK_THROWS_AS((void)store.get(key), Error);
  CHECK(sample.file_count() == 0);
}

TEST_CASE("a directory that can't be is told at once") {
  Sample sample;
  std::ofstream(sample.hot) << "a file";
  CHECK_THROWS_AS((void)sample.open(), Error);
  CHECK_THROWS_AS((void)make_hot_directory((sample.hot / "below").string(), sample.log), Error);
}
