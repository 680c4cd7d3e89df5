#include "pfcache/mount_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

namespace pfcache::test {
namespace {

TEST_CASE("mounts are listed in their order, with blanks in their names") {
  const auto mounts = parse_mount_table(
      "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
      "40 22 0:40 / /mnt/kv ro,nosuid,nodev,relatime shared:9 master:2 - fuse.pfcache /srv/store ro,user_id=0\n"
      "41 22 0:41 / /mnt/my\\040kv\\134 ro - fuse.pfcache /srv/my\\040store ro\n");
  REQUIRE(mounts.size() == 3);
  CHECK(mounts[0].type == "ext4");
  CHECK(mounts[1].directory == "/mnt/kv");
  CHECK(mounts[1].source == "/srv/store");
  CHECK(mounts[1].type == kMountType);
  CHECK(mounts[2].directory == "/mnt/my kv\\");
  CHECK(mounts[2].source == "/srv/my store");
}

TEST_CASE("a part of a mount that is bound elsewhere is not whole") {
  const auto mounts = parse_mount_table("40 22 0:40 /snap /a ro - fuse.pfcache /s ro\n40 2 0:40 / /b ro - x y ro");
  REQUIRE(mounts.size() == 2);
  CHECK_FALSE(mounts[0].is_whole);
  CHECK(mounts[1].is_whole);
}

TEST_CASE("this process sees its root") {
  const auto mounts = read_mount_table();
  CHECK(std::any_of(mounts.begin(), mounts.end(), [](const MountEntry& mount) { return mount.directory == "/"; }));
}

TEST_CASE("lines that don't follow the format are skipped") {
  for (const char* text : {"", "\n", "40", "40 22 0:40 / /a ro", "40 22 0:40 / /a ro -",
                           "40 22 0:40 / /a ro - fuse.pfcache", "40 22 0:40 / /a ro fuse.pfcache /s ro"}) {
    CHECK(parse_mount_table(text).empty());
  }
  const auto odd = parse_mount_table("4 2 0:4 / /a\\04 ro - fuse.pfcache \\9 ro");
  REQUIRE(odd.size() == 1);
  CHECK(odd[0].directory == "/a\\04");
  CHECK(odd[0].source == "\\9");
}

}  // namespace
}  // namespace pfcache::test
