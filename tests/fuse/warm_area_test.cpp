#include "fuse/warm_area.hpp"

#include <doctest/doctest.h>

#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::fuse::test {

using pfcache::test::failure_of;

TEST_CASE("what can be part of a warm start may be made, and nothing else") {
  const pfcache::test::TempDir dir;
  const WarmArea area(dir.path(), {});
  const std::string key(64, 'a');
  const auto make = [&](std::vector<std::string> names, mode_t type) {
    area.require_makeable({MirrorArea::warm, std::move(names)}, type);
  };
  const auto refusal = [&](std::vector<std::string> names, mode_t type) {
    return failure_of([&] { make(std::move(names), type); }).code;
  };
  CHECK_NOTHROW(make({key}, S_IFDIR));
  for (const char* name : {"r1-1.bin", "r1-1.json", "r1.bin.tmp.77.3", ".r1.bin.aB3dE5"}) {
    CHECK_NOTHROW(make({key, name}, S_IFREG));
    CHECK(area.is_shown({MirrorArea::warm, {key, name}}));
  }
  CHECK(refusal({key.substr(1)}, S_IFDIR) == std::errc::invalid_argument);
  CHECK(refusal({key}, S_IFREG) == std::errc::invalid_argument);
  CHECK(refusal({key, "notes"}, S_IFREG) == std::errc::invalid_argument);
  CHECK(refusal({key, "r1.bin"}, S_IFDIR) == std::errc::invalid_argument);
  CHECK(refusal({key, "best"}, S_IFREG) == std::errc::operation_not_permitted);
  CHECK(refusal({key, "r1.bin"}, S_IFLNK) == std::errc::operation_not_permitted);
}

TEST_CASE("the store's own files beside the keys are not shown") {
  const pfcache::test::TempDir dir;
  const WarmArea area(dir.path(), {});
  CHECK_FALSE(area.is_shown({MirrorArea::warm, {"usage"}}));
  CHECK_FALSE(area.is_shown({MirrorArea::warm, {".tmp-0123456789abcdef"}}));
  CHECK(area.is_shown({MirrorArea::warm, {std::string(64, 'a'), "best"}}));
}

}  // namespace pfcache::fuse::test
