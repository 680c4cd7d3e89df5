#include "cas/blob_files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cctype>
#include <iterator>

#include "cas/tree.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

const Digest kDigest = sha256(bytes_of("a blob"));

std::size_t open_descriptors() {
  const std::filesystem::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

TEST_CASE("a blob's name is its digest and its encoding, and is read back") {
  for (const Codec& codec : codecs()) {
    const std::string name = blob_file_name(kDigest, codec);
    CHECK(name == kDigest.hex() + std::string(codec.suffix));
    const auto parsed = parse_blob_file_name(name);
    REQUIRE(parsed.has_value());
    CHECK(parsed->digest == kDigest);
    CHECK(parsed->encoding == codec.encoding);
  }
}

TEST_CASE("names that are not exactly a blob's are no blobs") {
  const std::string hex = kDigest.hex();
  std::string upper = hex;
  for (char& c : upper) c = static_cast<char>(std::toupper(c));
  for (const std::string& name :
       {std::string(), hex, hex + ".", hex + ".zs", hex + ".zstd", hex + ".zst.tmp", hex + ".ZST", hex + "zst",
        upper + ".zst", hex.substr(1) + ".zst", "0" + hex + ".zst", "sha256:" + hex + ".zst", ".tmp-" + hex + ".zst",
        "sha256:" + hex.substr(7) + ".zst", hex + "/.zst", std::string(".zst")}) {
    CAPTURE(name);
    CHECK_FALSE(parse_blob_file_name(name).has_value());
  }
}

TEST_CASE("looking for a shard creates nothing, making one does") {
  const TempDir dir;
  BlobDirectories directories(Directory::open(dir.path()));
  CHECK(directories.find(0xab) == nullptr);
  CHECK(tree_of(dir.path()).empty());
  const Directory& made = directories.make(0xab);
  CHECK(directories.find(0xab) == &made);
  CHECK(std::filesystem::is_directory(dir.path() / "blobs/sha256/ab"));
  CHECK(directories.find(0xac) == nullptr);
}

TEST_CASE("a shard that another makes later is found") {
  const TempDir dir;
  BlobDirectories directories(Directory::open(dir.path()));
  CHECK(directories.find(0x0f) == nullptr);
  std::filesystem::create_directories(dir.path() / "blobs/sha256/0f");
  CHECK(directories.find(0x0f) != nullptr);
}

TEST_CASE("sync reaches every directory from the shard to the root, and the upper ones once only") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  BlobDirectories directories(Directory::open(dir.path(), ops));
  std::bitset<kShards> shards;
  shards.set(1).set(2);
  std::ignore = directories.make(1);
  std::ignore = directories.make(2);
  const std::size_t before = ops.call_count();
  directories.sync(shards);
  std::vector<std::string> calls;
  for (std::size_t i = before; i < ops.call_count(); ++i) calls.push_back(ops.describe(i));
  CHECK(calls == std::vector<std::string>{"sync directory blobs/sha256/01", "sync directory blobs/sha256/02",
                                          "sync directory blobs/sha256", "sync directory blobs", "sync directory ."});
  const std::size_t again = ops.call_count();
  directories.sync(shards);
  CHECK(ops.call_count() - again == 2);
}

TEST_CASE("all shards open take one descriptor each") {
  const TempDir dir;
  BlobDirectories directories(Directory::open(dir.path()));
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 3; ++round) {
    for (std::size_t shard = 0; shard < kShards; ++shard) std::ignore = directories.make(shard);
  }
  CHECK(open_descriptors() == before + kShards + 2);
}

TEST_CASE("a file where a shard should be holds no blobs and is in the way of a put") {
  const TempDir dir;
  write_bytes(dir.path() / "blobs/sha256/ab", bytes_of("somebody's"));
  BlobDirectories directories(Directory::open(dir.path()));
  CHECK(directories.find(0xab) == nullptr);
  CHECK(failure_of([&] { std::ignore = directories.make(0xab); }).code == std::errc::not_a_directory);
}

TEST_CASE("only regular files are opened and found") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  write_bytes(dir.path() / "file", bytes_of("12345"));
  std::filesystem::create_directory(dir.path() / "directory");
  REQUIRE(::mkfifo((dir.path() / "fifo").c_str(), 0600) == 0);
  CHECK(find_regular_file(directory, "file") == 5);
  CHECK(open_stored_file(directory, "file")->size_bytes == 5);
  for (const std::string name : {"directory", "fifo", "absent"}) {
    CHECK_FALSE(find_regular_file(directory, name).has_value());
    CHECK_FALSE(open_stored_file(directory, name).has_value());
  }
}

}  // namespace
}  // namespace pfcache::test
