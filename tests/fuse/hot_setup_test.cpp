#include "fuse/hot_setup.hpp"

#include <doctest/doctest.h>

#include "support/temp_dir.hpp"

using namespace pfcache::fuse;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30U;

}  // namespace

TEST_CASE("hot pages get a quarter of the memory, and at most 8 GiB") {
  CHECK(default_hot_size_bytes(HotPlace::memory, 16 * kGiB) == 4 * kGiB);
  CHECK(default_hot_size_bytes(HotPlace::directory, 4 * kGiB) == kGiB);
  CHECK(default_hot_size_bytes(HotPlace::memory, 1024 * kGiB) == 8 * kGiB);
  CHECK(default_hot_size_bytes(HotPlace::none, 1024 * kGiB) == kGiB / 4);
}

TEST_CASE("what was asked for is what is set up") {
  const pfcache::test::TempDir dir;
  Log log([](std::string_view) {});
  MountOptions options;
  options.store = dir.path().string();
  HotSetup setup = set_up_hot_pages(options, log);
  CHECK(setup.passthrough.obstacle.empty());
  CHECK(setup.limits.bytes > 0);
  CHECK(setup.limits.files > 0);
  CHECK(setup.passthrough.backing_name == "memory");
  CHECK(setup.limits.verify == VerifyWhen::once);
  options.hot_size_bytes = 123;
  options.verify = VerifyWhen::always;
  options.hot = HotPlace::directory;
  options.hot_directory = (dir.path() / "hot").string();
  setup = set_up_hot_pages(options, log);
  CHECK(setup.limits.bytes == 123);
  CHECK(setup.limits.verify == VerifyWhen::always);
  CHECK(setup.passthrough.backing_name == options.hot_directory);
  CHECK(setup.passthrough.sample);
  options.hot = HotPlace::none;
  CHECK(set_up_hot_pages(options, log).passthrough.obstacle == "hot=none");
}
