#include "base/directory.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <fstream>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"
#include "support/failure.hpp"
#include "support/recording_file_ops.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kLimit = 1000;

std::vector<std::string> sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> calls_of(const RecordingFileOps& ops, std::size_t first = 0) {
  std::vector<std::string> verbs;
  for (std::size_t i = first; i < ops.call_count(); ++i) {
    const std::string text = ops.describe(i);
    verbs.push_back(text.substr(0, text.find(' ')));
  }
  return verbs;
}

TEST_CASE("an absent directory and a file in its place are told apart") {
  const TempDir dir;
  CHECK(failure_of([&] { std::ignore = Directory::open(dir.path() / "absent"); }).code == Errc::not_found);
  std::ofstream(dir.path() / "file") << "x";
  CHECK(failure_of([&] { std::ignore = Directory::open(dir.path() / "file"); }).code == std::errc::not_a_directory);
}

TEST_CASE("a published file is there whole, and replaces one of its name") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  CHECK_FALSE(directory.has("f"));
  CHECK_FALSE(directory.read_file("f", kLimit).has_value());
  directory.publish_file("f", "first, and longer");
  directory.publish_file("f", "second");
  CHECK(directory.has("f"));
  CHECK(directory.read_file("f", kLimit) == "second");
  CHECK(directory.names() == std::vector<std::string>{"f"});
  directory.publish_file("empty", "");
  CHECK(directory.read_file("empty", kLimit) == "");
}

TEST_CASE("publishing a file writes, syncs, renames and syncs the directory, in this order") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  Directory::open(dir.path(), ops).publish_file("f", "bytes");
  REQUIRE(ops.call_count() == 5);
  CHECK(ops.describe(0).starts_with("create "));
  CHECK(ops.describe(1).starts_with("write "));
  CHECK(ops.describe(2).starts_with("sync file "));
  CHECK(ops.describe(3).starts_with("rename "));
  CHECK(ops.describe(4) == "sync directory .");
}

TEST_CASE("a file that is replaced is old or new after a crash at any point, never anything else") {
  const TempDir dir;
  std::ofstream(dir.path() / "f") << "old";
  RecordingFileOps ops(dir.path());
  Directory::open(dir.path(), ops).publish_file("f", "new and longer");
  const TempDir left;
  for (std::size_t calls = 0; calls <= ops.call_count(); ++calls) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      CAPTURE(calls);
      CAPTURE(seed);
      ops.materialise(calls, seed == 0 ? Crash::drop_unsynced : Crash::random, seed, left.path());
      const auto found = Directory::open(left.path()).read_file("f", kLimit);
      REQUIRE(found.has_value());
      CHECK((*found == "new and longer" || (*found == "old" && calls < ops.call_count())));
    }
  }
}

TEST_CASE("whichever call of a publish fails, the old file stays and no temp file does") {
  for (std::size_t failing = 0; failing < 4; ++failing) {
    CAPTURE(failing);
    const TempDir dir;
    std::ofstream(dir.path() / "f") << "old";
    RecordingFileOps ops(dir.path());
    ops.fail_call(failing, ENOSPC);
    const Directory directory = Directory::open(dir.path(), ops);
    CHECK(failure_of([&] { directory.publish_file("f", "new"); }).code == std::errc::no_space_on_device);
    CHECK(directory.read_file("f", kLimit) == "old");
    CHECK(directory.names() == std::vector<std::string>{"f"});
  }
}

TEST_CASE("a call that was interrupted is made again") {
  for (const std::size_t interrupted : {0U, 1U}) {
    const TempDir dir;
    RecordingFileOps ops(dir.path());
    ops.fail_call(interrupted, EINTR);
    const Directory directory = Directory::open(dir.path(), ops);
    directory.publish_file("f", "bytes");
    CHECK(directory.read_file("f", kLimit) == "bytes");
  }
}

TEST_CASE("a file above the limit is refused before it is read") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  directory.publish_file("f", "12345");
  CHECK(directory.read_file("f", 5) == "12345");
  CHECK(failure_of([&] { std::ignore = directory.read_file("f", 4); }).code == Errc::too_large);
  directory.publish_file("huge", "");
  fs::resize_file(dir.path() / "huge", std::uintmax_t{1} << 40);
  CHECK(failure_of([&] { std::ignore = directory.read_file("huge", kLimit); }).code == Errc::too_large);
}

TEST_CASE("a directory, a fifo and a device are not read as files") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  fs::create_directory(dir.path() / "d");
  REQUIRE(::mkfifo((dir.path() / "fifo").c_str(), 0600) == 0);
  for (const std::string name : {"d", "fifo"}) {
    CAPTURE(name);
    CHECK(failure_of([&] { std::ignore = directory.read_file(name, kLimit); }).code == Errc::invalid_argument);
  }
}

TEST_CASE("a file is removed once") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  directory.publish_file("f", "x");
  CHECK(directory.remove_file("f"));
  CHECK_FALSE(directory.remove_file("f"));
  CHECK(directory.names().empty());
}

TEST_CASE("a subdirectory is made once, durably, and inherits the calls of its parent") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  const Directory directory = Directory::open(dir.path(), ops);
  CHECK_FALSE(directory.find_directory("d").has_value());
  const Directory made = directory.make_directory("d");
  CHECK(calls_of(ops) == std::vector<std::string>{"mkdir", "sync"});
  const std::size_t before = ops.call_count();
  directory.make_directory("d").publish_file("f", "x");
  CHECK(calls_of(ops, before) == std::vector<std::string>{"create", "write", "sync", "rename", "sync"});
  CHECK(made.read_file("f", kLimit) == "x");
  CHECK(sorted(directory.names()) == std::vector<std::string>{"d"});
}

TEST_CASE("an open directory stays the one that was opened when its path becomes another") {
  const TempDir dir;
  fs::create_directory(dir.path() / "a");
  const Directory directory = Directory::open(dir.path() / "a");
  const Directory twin = directory.duplicate();
  fs::rename(dir.path() / "a", dir.path() / "b");
  fs::create_directory(dir.path() / "a");
  twin.publish_file("f", "x");
  CHECK(directory.read_file("f", kLimit) == "x");
  CHECK(fs::exists(dir.path() / "b" / "f"));
  CHECK_FALSE(fs::exists(dir.path() / "a" / "f"));
}

TEST_CASE("all names are given, temp ones too, each once") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  for (int i = 0; i < 500; ++i) std::ofstream(dir.path() / std::to_string(i)) << i;
  CHECK(directory.names().size() == 500);
  CHECK(directory.names().size() == 500);  // from the start again
  const PendingFile pending(directory);
  CHECK(directory.names().size() == 501);
}

TEST_CASE("a pending file that is not published goes, under a name that is known for a temp file's") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  {
    PendingFile file(directory);
    file.write(as_bytes("x"));
    REQUIRE(directory.names().size() == 1);
    CHECK(is_temp_name(directory.names().front()));
  }
  CHECK(directory.names().empty());
  CHECK_FALSE(is_temp_name("tmp-x"));
  CHECK_FALSE(is_temp_name(""));
}

TEST_CASE("a pending file that is moved is removed or published once") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  {
    PendingFile first(directory);
    first.write(as_bytes("x"));
    PendingFile second(std::move(first));
    second.publish("f");
  }
  CHECK(directory.names() == std::vector<std::string>{"f"});
}

TEST_CASE("a pending file is synced and published after it was closed") {
  const TempDir dir;
  RecordingFileOps ops(dir.path());
  const Directory directory = Directory::open(dir.path(), ops);
  PendingFile file(directory);
  file.write(as_bytes("x"));
  file.close();
  file.sync();
  file.publish("f");
  directory.sync();
  const TempDir left;
  ops.materialise(ops.call_count(), Crash::drop_unsynced, 0, left.path());
  CHECK(Directory::open(left.path()).read_file("f", kLimit) == "x");
}

TEST_CASE("pieces are written where they belong, into space that was taken before") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  PendingFile file(directory);
  file.allocate(6);
  file.write_at(3, as_bytes("def"));
  file.write_at(0, as_bytes("abc"));
  file.publish("f");
  CHECK(directory.read_file("f", kLimit) == "abcdef");
}

TEST_CASE("a file that is shorter than expected is malformed, and its path is named") {
  const TempDir dir;
  const Directory directory = Directory::open(dir.path());
  directory.publish_file("f", "12345");
  const auto fd = directory.find_file("f");
  REQUIRE(fd.has_value());
  std::string out(3, '\0');
  read_exactly_at(fd->get(), 2, std::as_writable_bytes(std::span(out)), "f");
  CHECK(out == "345");
  CHECK(failure_of([&] { read_exactly_at(fd->get(), 3, std::as_writable_bytes(std::span(out)), "f"); }).code ==
        Errc::malformed);
}

}  // namespace
}  // namespace pfcache::test
