#include "fuse/mount_checks.hpp"

#include <doctest/doctest.h>

using pfcache::fuse::allows_others;

TEST_CASE("users may let others in when fuse.conf has the line for it") {
  for (const char* text :
       {"user_allow_other", "user_allow_other\n", "# x\n\n  user_allow_other \t# yes\nmount_max = 9\n"}) {
    CHECK_MESSAGE(allows_others(text), text);
  }
  for (const char* text :
       {"", "\n", "#user_allow_other\n", "user_allow_others\n", "user_allow_other = 1\n", "user allow other"}) {
    CHECK_MESSAGE(!allows_others(text), text);
  }
}
