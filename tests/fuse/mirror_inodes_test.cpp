#include "fuse/mirror_inodes.hpp"

#include <doctest/doctest.h>

#include "fuse/node.hpp"

namespace pfcache::fuse::test {
namespace {

struct Table {
  MirrorInodes inodes;
  MirrorInodePtr root = inodes.root(MirrorArea::fresh);
  MirrorInodePtr foo = inodes.child(root, "foo", S_IFDIR);
  MirrorInodePtr file = inodes.child(foo, "file", S_IFREG);

  [[nodiscard]] std::string path_of(const MirrorInodePtr& inode) const {
    const auto place = inodes.place_of(inode);
    return place ? place->path() : "nowhere";
  }
};

}  // namespace

TEST_CASE("an inode is a place below its area") {
  const Table table;
  CHECK(table.path_of(table.root) == "staging/new");
  CHECK(table.path_of(table.file) == "staging/new/foo/file");
  const MirrorPlace deep{MirrorArea::arriving, {"digest", "seqs", "x", "0001"}};
  CHECK(deep.path() == "staging/snap/digest/seqs/x/0001");
  CHECK(deep.subdirectory() == "seqs/x");
}

TEST_CASE("one name is one inode, as long as its type stays") {
  Table table;
  CHECK(table.inodes.child(table.foo, "file", S_IFREG) == table.file);
  const MirrorInodePtr link = table.inodes.child(table.foo, "file", S_IFLNK);
  CHECK(link != table.file);
  CHECK(table.path_of(table.file) == "nowhere");
}

TEST_CASE("what is below a directory moves with it") {
  Table table;
  table.inodes.move(table.root, "foo", table.root, "bar");
  CHECK(table.path_of(table.file) == "staging/new/bar/file");
}

TEST_CASE("what is moved over, or removed, has no place any more, nor has what is below it") {
  Table table;
  const MirrorInodePtr other = table.inodes.child(table.foo, "other", S_IFREG);
  table.inodes.move(table.foo, "other", table.foo, "file");
  CHECK(table.path_of(table.file) == "nowhere");
  CHECK(table.path_of(other) == "staging/new/foo/file");
  table.inodes.remove(table.root, "foo");
  CHECK(table.path_of(other) == "nowhere");
  CHECK(table.inodes.child(table.root, "foo", S_IFDIR) != table.foo);
}

TEST_CASE("two names change places") {
  Table table;
  const MirrorInodePtr other = table.inodes.child(table.foo, "other", S_IFREG);
  table.inodes.exchange(table.foo, "other", table.foo, "file");
  CHECK(table.path_of(other) == "staging/new/foo/file");
  CHECK(table.path_of(table.file) == "staging/new/foo/other");
}

TEST_CASE("the kernel knows an inode until it has forgotten every lookup") {
  Table table;
  CHECK(table.inodes.find(table.file->id) == nullptr);
  table.inodes.remember(table.file);
  table.inodes.remember(table.file);
  CHECK(table.inodes.find(table.file->id) == table.file);
  table.inodes.forget(table.file->id, 1);
  CHECK(table.inodes.find(table.file->id) == table.file);
  table.inodes.forget(table.file->id, 5);
  CHECK(table.inodes.find(table.file->id) == nullptr);
  CHECK(table.inodes.find(kNewId) == table.root);
}

TEST_CASE("numbers stay in the range that contents leave free") {
  Table table;
  CHECK(table.foo->id >= kFirstMirrorId);
  CHECK(table.file->id <= kLastFixedId);
  CHECK(table.file->id != table.foo->id);
}

}  // namespace pfcache::fuse::test
