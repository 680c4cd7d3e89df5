#include "fuse/mirror_files.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include <filesystem>
#include <fstream>

#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::fuse::test {

using pfcache::test::failure_of;
using pfcache::test::TempDir;
namespace fs = std::filesystem;

TEST_CASE("files below the store are reached, and never through a symlink") {
  const TempDir dir;
  fs::create_directories(dir.path() / "staging/new/foo/pages");
  std::ofstream(dir.path() / "secret") << "x";
  fs::create_symlink(dir.path() / "secret", dir.path() / "staging/new/foo/pages/link");
  fs::create_directory_symlink(dir.path(), dir.path() / "staging/new/foo/out");
  const MirrorFiles files(dir.path());
  const MirrorPlace foo{MirrorArea::fresh, {"foo"}};
  CHECK(files.find(foo).has_value());
  CHECK_FALSE(files.find(foo.child("nothing")).has_value());
  CHECK(S_ISLNK(files.find(foo.child("pages").child("link"))->st_mode));
  const auto open = [&](const MirrorPlace& place) { static_cast<void>(files.open_file(place, O_RDWR)); };
  CHECK(failure_of([&] { open(foo.child("pages").child("link")); }).code == std::errc::too_many_symbolic_link_levels);
  CHECK(failure_of([&] { open(foo.child("out").child("secret")); }).code == std::errc::too_many_symbolic_link_levels);
  CHECK(failure_of([&] { static_cast<void>(files.open_directory(foo.child("out"))); }).code ==
        std::errc::too_many_symbolic_link_levels);
}

TEST_CASE("what is missing of the way to a directory is made, but not its area") {
  const TempDir dir;
  const MirrorFiles files(dir.path());
  const MirrorPlace deep{MirrorArea::arriving, {"digest", "seqs", "x"}};
  CHECK(failure_of([&] { static_cast<void>(files.make_directory(deep)); }).code ==
        std::errc::no_such_file_or_directory);
  fs::create_directories(dir.path() / "staging/snap");
  static_cast<void>(files.make_directory(deep));
  CHECK(fs::is_directory(dir.path() / "staging/snap/digest/seqs/x"));
  static_cast<void>(files.open_file(deep.child("file"), O_CREAT | O_RDWR));
  CHECK(fs::is_regular_file(dir.path() / "staging/snap/digest/seqs/x/file"));
}

}  // namespace pfcache::fuse::test
