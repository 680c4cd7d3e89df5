#include "pfcache/catalog.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

struct Fixture {
  TempDir dir;
  Catalog catalog{Directory::open(dir.path())};
  Digest a = Digest::parse("aaaaaaaa" + std::string(56, '1'));
  Digest b = Digest::parse("aaaaaaaa" + std::string(56, '2'));
  Digest c = Digest::parse("bbbbbbbb" + std::string(56, '3'));

  void seal_all() {
    for (const Digest& digest : {c, a, b}) catalog.seal(digest, {});
  }
  [[nodiscard]] fs::path snapshot_file(const Digest& digest) const { return dir.path() / "snapshots" / digest.hex(); }
};

}  // namespace

TEST_CASE("a name has 1 to 128 of letters, digits, dot, dash and underscore, and hides no snapshot") {
  for (const std::string& good :
       {std::string("a"), std::string("A-z_0.9"), std::string(128, 'x'), std::string(63, 'a'), std::string(65, 'a'),
        std::string(64, 'A'), std::string("-"), std::string("deadbeef")}) {
    CHECK_MESSAGE(is_valid_name(good), good);
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string(".a"), std::string("a/b"), std::string("a b"),
        std::string("é"), std::string(129, 'x'), std::string(64, 'a'), std::string("a\0b", 3), std::string("sha256:a"),
        std::string("a\n")}) {
    CHECK_MESSAGE(!is_valid_name(bad), bad);
  }
}

TEST_CASE_FIXTURE(Fixture, "an empty store has no snapshots and no refs, and asking creates nothing") {
  CHECK(catalog.snapshots().empty());
  CHECK(catalog.refs().empty());
  CHECK_FALSE(catalog.contains(a));
  CHECK_FALSE(catalog.find(a).has_value());
  CHECK_FALSE(catalog.ref("x").has_value());
  CHECK_FALSE(catalog.remove(a));
  CHECK_FALSE(catalog.remove_ref("x"));
  CHECK(names_in(dir.path()).empty());
}

TEST_CASE_FIXTURE(Fixture, "a sealed snapshot is listed, with its record, until it is removed") {
  const SealRecord record{1700000000, "pfcache 0.1.0", "synthetic:8:99 \"é\"", true, 8, 2048};
  catalog.seal(a, record);
  CHECK(catalog.contains(a));
  CHECK(catalog.snapshots() == std::vector{a});
  const auto found = catalog.find(a);
  REQUIRE(found.has_value());
  CHECK(found->sealed_unix_secs == record.sealed_unix_secs);
  CHECK(found->by == record.by);
  CHECK(found->source == record.source);
  CHECK(found->pinned);
  CHECK(found->pages == 8);
  CHECK(found->logical_bytes == 2048);
  CHECK(catalog.remove(a));
  CHECK_FALSE(catalog.remove(a));
  CHECK_FALSE(catalog.contains(a));
}

TEST_CASE_FIXTURE(Fixture, "sealing again keeps the first record") {
  catalog.seal(a, {1, "first", "", true, 0, 0});
  catalog.seal(a, {2, "second", "", false, 0, 0});
  CHECK(catalog.find(a)->by == "first");
  CHECK(catalog.find(a)->pinned);
}

TEST_CASE_FIXTURE(Fixture, "snapshots come in the order of their digests") {
  seal_all();
  CHECK(catalog.snapshots() == std::vector{a, b, c});
}

TEST_CASE_FIXTURE(Fixture, "a record that can't be read is an empty one: the snapshot is sealed all the same") {
  seal_all();
  for (const std::string& text : {std::string(), std::string("{"), std::string("{}"), std::string(100000, ' ')}) {
    write_text(snapshot_file(a), text);
    CHECK(catalog.contains(a));
    REQUIRE(catalog.find(a).has_value());
    CHECK(catalog.find(a)->by.empty());
    CHECK_FALSE(catalog.find(a)->pinned);
  }
}

TEST_CASE_FIXTURE(Fixture, "a pin is set and taken away, and the rest of the record stays") {
  catalog.seal(a, {1, "me", "file", false, 3, 4});
  catalog.set_pinned(a, true);
  CHECK(catalog.find(a)->pinned);
  CHECK(catalog.find(a)->source == "file");
  catalog.set_pinned(a, false);
  CHECK_FALSE(catalog.find(a)->pinned);
  CHECK(failure_of([&] { catalog.set_pinned(b, true); }).code == Errc::not_found);
  CHECK_FALSE(catalog.contains(b));
}

TEST_CASE_FIXTURE(Fixture, "a source that is not UTF-8, or endless, does not cost the record") {
  catalog.seal(a, {1, "me",
                   "/tmp/\xff\xfe"
                   "x",
                   true, 3, 4});
  CHECK(catalog.find(a)->source == "/tmp/??x");
  CHECK(catalog.find(a)->pinned);
  catalog.seal(b, {1, "me", std::string(1000000, '\x01'), true, 3, 4});
  CHECK(catalog.find(b)->pinned);
}

TEST_CASE_FIXTURE(Fixture, "files that are no snapshots or refs are left out") {
  seal_all();
  catalog.set_ref("good", a);
  for (const char* const name : {".tmp-0123", "README", "sha256:aaaa"}) {
    write_text(dir.path() / "snapshots" / name, "x");
  }
  write_text(dir.path() / "snapshots" / a.text(), "x");
  write_text(dir.path() / "refs" / ".tmp-0123", a.hex() + "\n");
  write_text(dir.path() / "refs" / a.hex(), a.hex() + "\n");
  write_text(dir.path() / "refs" / "damaged", "zzz");
  write_text(dir.path() / "refs" / "huge", std::string(100000, 'a'));
  fs::create_directory(dir.path() / "refs" / "directory");
  CHECK(catalog.snapshots().size() == 3);
  REQUIRE(catalog.refs().size() == 1);
  CHECK(catalog.refs()[0].name == "good");
}

TEST_CASE_FIXTURE(Fixture, "a ref is made, moved and removed; its file is the digest and a newline") {
  seal_all();
  catalog.set_ref("prod", a);
  CHECK(catalog.ref("prod") == a);
  CHECK(read_text(dir.path() / "refs" / "prod") == a.hex() + "\n");
  catalog.set_ref("prod", b);
  CHECK(catalog.ref("prod") == b);
  catalog.set_ref("dev", c);
  REQUIRE(catalog.refs().size() == 2);
  CHECK(catalog.refs()[0].name == "dev");
  CHECK(catalog.refs()[1].digest == b);
  CHECK(catalog.remove_ref("prod"));
  CHECK_FALSE(catalog.remove_ref("prod"));
  CHECK_FALSE(catalog.ref("prod").has_value());
}

TEST_CASE_FIXTURE(Fixture, "a ref needs a valid name and a sealed snapshot") {
  catalog.seal(a, {});
  for (const std::string& name : {std::string("../x"), std::string(), std::string(".x"), a.hex()}) {
    CHECK(failure_of([&] { catalog.set_ref(name, a); }).code == Errc::invalid_argument);
    CHECK_FALSE(catalog.ref(name).has_value());
    CHECK_FALSE(catalog.remove_ref(name));
  }
  const auto failure = failure_of([&] { catalog.set_ref("x", b); });
  CHECK(failure.code == Errc::not_found);
  CHECK(names(failure, b.hex()));
  CHECK(names_in(dir.path()) == std::vector<std::string>{"snapshots"});
}

TEST_CASE_FIXTURE(Fixture, "a damaged ref is malformed, and the message names its file") {
  catalog.seal(a, {});
  catalog.set_ref("x", a);
  for (const std::string& text :
       {std::string(), std::string("zz\n"), a.text() + "\n", a.hex() + "\n\n", a.hex() + " "}) {
    write_text(dir.path() / "refs" / "x", text);
    const auto failure = failure_of([&] { std::ignore = catalog.ref("x"); });
    CHECK(failure.code == Errc::malformed);
    CHECK(names(failure, "refs/x"));
  }
}

TEST_CASE_FIXTURE(Fixture, "a snapshot is meant by its digest in both spellings, a ref, or a unique prefix") {
  seal_all();
  catalog.set_ref("prod", b);
  CHECK(catalog.resolve(a.hex()) == a);
  CHECK(catalog.resolve(a.text()) == a);
  CHECK(catalog.resolve("prod") == b);
  CHECK(catalog.resolve("bbbbbbbb") == c);
  CHECK(catalog.resolve(a.hex().substr(0, 9)) == a);
  CHECK(catalog.resolve(a.hex().substr(0, 63)) == a);
}

TEST_CASE_FIXTURE(Fixture, "a full digest is taken as it is, sealed or not") { CHECK(catalog.resolve(a.hex()) == a); }

TEST_CASE_FIXTURE(Fixture, "a ref goes before a prefix") {
  seal_all();
  catalog.set_ref("bbbbbbbb", a);
  CHECK(catalog.resolve("bbbbbbbb") == a);
  CHECK(catalog.resolve("bbbbbbbb3") == c);
}

TEST_CASE_FIXTURE(Fixture, "a prefix that fits several lists up to five of them") {
  seal_all();
  auto failure = failure_of([&] { std::ignore = catalog.resolve("aaaaaaaa"); });
  CHECK(failure.code == Errc::invalid_argument);
  CHECK(names(failure, a.hex()));
  CHECK(names(failure, b.hex()));
  CHECK_FALSE(names(failure, c.hex()));
  std::vector<Digest> many;
  for (int i = 0; i < 7; ++i) {
    many.push_back(Digest::parse(fmt::format("cccccccc{:056}", i)));
    catalog.seal(many.back(), {});
  }
  failure = failure_of([&] { std::ignore = catalog.resolve("cccccccc"); });
  CHECK(names(failure, "7 snapshots"));
  CHECK(names(failure, many[4].hex()));
  CHECK_FALSE(names(failure, many[5].hex()));
}

TEST_CASE_FIXTURE(Fixture, "what is no snapshot is not found, and the message says where to look") {
  seal_all();
  std::string upper = a.hex();
  upper[0] = 'A';
  for (const std::string& text :
       {std::string(), std::string("sha256:"), upper, "sha256:" + upper, std::string("../../x"), std::string("bbbbbbb"),
        std::string("dddddddd"), std::string("BBBBBBBB"), std::string("nothing"), std::string("sha256:bbbbbbbb")}) {
    CAPTURE(text);
    const auto failure = failure_of([&] { std::ignore = catalog.resolve(text); });
    CHECK(failure.code == Errc::not_found);
    CHECK(names(failure, "pfcache list"));
  }
  CHECK(names(failure_of([&] { std::ignore = catalog.resolve("bbbbbbb"); }), "8 digits"));
}

TEST_CASE_FIXTURE(Fixture, "a store that is renamed stays the one that was opened") {
  catalog.seal(a, {});
  const fs::path moved = dir.path().parent_path() / (dir.path().filename().native() + "-moved");
  fs::rename(dir.path(), moved);
  catalog.seal(b, {});
  CHECK(catalog.snapshots().size() == 2);
  fs::rename(moved, dir.path());
}

TEST_CASE("a snapshot is sealed, and a ref set, by a synced file that is renamed into a synced directory") {
  class Recorder final : public FileOps {
   public:
    int open(int dir_fd, const char* name, int flags, mode_t mode) override {
      events.push_back("open");
      return FileOps::open(dir_fd, name, flags, mode);
    }
    ssize_t write(int fd, const void* bytes, size_t size_bytes) override {
      events.push_back("write");
      return FileOps::write(fd, bytes, size_bytes);
    }
    int fsync(int fd) override {
      events.push_back("fsync");
      return FileOps::fsync(fd);
    }
    int rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to) override {
      events.push_back("rename");
      return FileOps::rename(from_dir_fd, from, to_dir_fd, to);
    }
    int unlink(int dir_fd, const char* name, int flags) override {
      events.push_back("unlink");
      return FileOps::unlink(dir_fd, name, flags);
    }
    int mkdir(int dir_fd, const char* name, mode_t mode) override {
      events.push_back("mkdir");
      return FileOps::mkdir(dir_fd, name, mode);
    }
    std::vector<std::string> take() { return std::exchange(events, {}); }
    std::vector<std::string> events;
  };
  using Events = std::vector<std::string>;
  const Events published = {"mkdir", "fsync", "open", "write", "fsync", "rename", "fsync"};
  TempDir dir;
  Recorder ops;
  Catalog catalog(Directory::open(dir.path(), ops));
  const Digest digest = sha256({});
  catalog.seal(digest, {});
  CHECK(ops.take() == published);
  catalog.seal(digest, {});
  CHECK(ops.take() == Events{"fsync"});  // whoever sealed it may not have got so far
  catalog.set_ref("x", digest);
  CHECK(ops.take() == published);
  catalog.remove_ref("x");
  CHECK(ops.take() == Events{"unlink", "fsync"});
  catalog.remove(digest);
  CHECK(ops.take() == Events{"unlink", "fsync"});
  std::ignore = catalog.resolve(digest.hex());
  std::ignore = catalog.snapshots();
  std::ignore = catalog.refs();
  CHECK(ops.take().empty());
}

}  // namespace pfcache::test
