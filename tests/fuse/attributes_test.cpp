#include "fuse/attributes.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <ctime>
#include <tuple>

#include "fuse/tree.hpp"
#include "samples.hpp"

using namespace pfcache;
using namespace pfcache::fuse;
using namespace pfcache::fuse::test;

namespace {

struct stat stat_of(const Attributes& attributes, const Node& node) {
  return attributes.of(node, content_id(node));
}

}  // namespace

TEST_CASE("a file's attributes are those of its content") {
  const Attributes attributes({1000, 100, 0}, "/nonexistent");
  const SnapshotPtr view = view_of(digest_of(9), {{{0}, digest_of(1), digest_of(2)}});
  const Node page = node_in(view, NodeKind::page);
  const struct stat got = stat_of(attributes, page);
  CHECK(got.st_ino == content_id(page));
  CHECK(got.st_mode == (S_IFREG | 0444));
  CHECK(got.st_nlink == 2);
  CHECK(got.st_uid == 1000);
  CHECK(got.st_gid == 100);
  CHECK(got.st_size == 16);
  CHECK(got.st_blocks == 1);
  CHECK(got.st_mtim.tv_sec == static_cast<std::int64_t>(content_id(page) >> 34U));
  CHECK(got.st_mtim.tv_sec < std::int64_t{1} << 30U);
  CHECK(got.st_mtim.tv_nsec == 0);
  CHECK(got.st_atim.tv_sec == got.st_mtim.tv_sec);
  CHECK(got.st_ctim.tv_sec == got.st_mtim.tv_sec);
}

TEST_CASE("blocks are counted for pages, once, and no file with bytes is without any") {
  CacheMeta meta = small_meta();
  meta.n_layers = 1000;
  const SnapshotPtr view = view_of(digest_of(9), {{{0}, digest_of(1), digest_of(2)}}, {}, meta);
  const Attributes attributes({}, "/nonexistent");
  CHECK(stat_of(attributes, node_in(view, NodeKind::page)).st_blocks == 32);  // 16,000 bytes
  CHECK(stat_of(attributes, node_in(view, NodeKind::half)).st_size == 8000);
  CHECK(stat_of(attributes, node_in(view, NodeKind::half)).st_blocks == 1);
  CHECK(stat_of(attributes, node_in(view, NodeKind::manifest)).st_blocks == 1);
  CHECK(stat_of(attributes, node_in(view, NodeKind::pages)).st_blocks == 0);
}

TEST_CASE("the umask takes bits from files and directories, not from symlinks") {
  const Attributes attributes({0, 0, 027}, "/nonexistent");
  const SnapshotPtr view = view_of(digest_of(9), {{{0}, digest_of(1), digest_of(2)}});
  CHECK(stat_of(attributes, node_in(view, NodeKind::page)).st_mode == (S_IFREG | 0440));
  CHECK(stat_of(attributes, node_in(view, NodeKind::snapshot)).st_mode == (S_IFDIR | 0550));
  CHECK(stat_of(attributes, node_in(view, NodeKind::position)).st_mode == (S_IFLNK | 0777));
}

TEST_CASE("the size of a symlink is the length of its text") {
  const Attributes attributes({}, "/nonexistent");
  const Node position{NodeKind::position, 12, nullptr, nullptr};
  CHECK(link_target(position) == "../../pages/0012");
  CHECK(stat_of(attributes, position).st_size == 16);
}

TEST_CASE("the time of /snap is that of the newest change of snapshots and refs") {
  SampleStore sample;
  const Digest digest = sample.add_snapshot(1, 1);
  sample.store.catalog().set_ref("prod", digest);
  const Attributes attributes({}, sample.store.path());
  const Node catalog{NodeKind::catalog, 0, nullptr, nullptr};
  for (const char* changed : {"snapshots", "refs"}) {
    const std::int64_t time = changed[0] == 's' ? 2'000'000'000 : 2'000'000'100;
    const struct timespec times[2] = {{time, 0}, {time, 0}};
    REQUIRE(::utimensat(AT_FDCWD, (sample.store.path() / changed).c_str(), times, 0) == 0);
    CHECK(stat_of(attributes, catalog).st_mtim.tv_sec == time);
  }
}

TEST_CASE("what the mount says about itself has one time for as long as it lasts") {
  struct timespec before {};
  ::clock_gettime(CLOCK_REALTIME, &before);
  const Attributes attributes({}, "/nonexistent");
  const Node file{NodeKind::info_file, 0, nullptr, nullptr};
  const struct stat first = stat_of(attributes, file);
  CHECK(std::tie(first.st_mtim.tv_sec, first.st_mtim.tv_nsec) >= std::tie(before.tv_sec, before.tv_nsec));
  const struct stat again = stat_of(attributes, file);
  CHECK(std::tie(again.st_ctim.tv_sec, again.st_ctim.tv_nsec) == std::tie(first.st_mtim.tv_sec, first.st_mtim.tv_nsec));
}
