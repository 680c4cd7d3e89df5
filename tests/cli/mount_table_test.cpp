#include "cli/mount_table.hpp"

#include <doctest/doctest.h>

#include <string>

using pfcache::cli::parse_mount_table;

TEST_CASE("mounts of pfcache are found among others, with blanks in their names") {
  const auto mounts = parse_mount_table(
      "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
      "40 22 0:40 / /mnt/kv ro,nosuid,nodev,relatime shared:9 master:2 - fuse.pfcache /srv/store ro,user_id=0\n"
      "41 22 0:41 / /mnt/my\\040kv\\134 ro - fuse.pfcache /srv/my\\040store ro\n"
      "42 22 0:42 / /mnt/other ro - fuse.sshfs host:/ rw\n");
  REQUIRE(mounts.size() == 2);
  CHECK(mounts[0].directory == "/mnt/kv");
  CHECK(mounts[0].store == "/srv/store");
  CHECK(mounts[1].directory == "/mnt/my kv\\");
  CHECK(mounts[1].store == "/srv/my store");
}

TEST_CASE("a part of a mount that is bound elsewhere is none") {
  CHECK(parse_mount_table("40 22 0:40 /snap /a ro - fuse.pfcache /s ro\n").empty());
}

TEST_CASE("lines that don't follow the format are skipped") {
  for (const char* text : {"", "\n", "40", "40 22 0:40 / /a ro", "40 22 0:40 / /a ro -",
                           "40 22 0:40 / /a ro - fuse.pfcache", "40 22 0:40 / /a ro fuse.pfcache /s ro"}) {
    CHECK(parse_mount_table(text).empty());
  }
  const auto odd = parse_mount_table("4 2 0:4 / /a\\04 ro - fuse.pfcache \\9 ro");
  REQUIRE(odd.size() == 1);
  CHECK(odd[0].directory == "/a\\04");
  CHECK(odd[0].store == "\\9");
}
