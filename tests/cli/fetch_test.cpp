// What fetch says without a mount. With mounts it is tested end to end.
#include <doctest/doctest.h>

#include "cli/runner.hpp"

using namespace pfcache::test;

TEST_CASE("fetch of a store that is mounted nowhere says how to mount it") {
  const Runner runner;
  const std::string hex = runner.must({"capture", "synthetic:2:0"});
  const Result nowhere = runner.run({"fetch", hex});
  CHECK(nowhere.status == 10);
  CHECK(nowhere.err.find("mount.pfcache " + runner.store().native() + " DIR") != std::string::npos);
  const Result not_there = runner.run({"--json", "fetch", hex, "--mount", runner.path().native()});
  CHECK(not_there.status == 10);
  CHECK(not_there.err.find("mount.pfcache " + runner.store().native() + " " + runner.path().native()) !=
        std::string::npos);
  CHECK(not_there.out.find("\"exit_status\":10") != std::string::npos);
}

TEST_CASE("fetch of what is not in the store, or of nothing, fails before mounts are looked for") {
  const Runner runner;
  CHECK(runner.run({"fetch", "nobody"}).status == 10);
  CHECK(runner.run({"fetch"}).status == 2);
  CHECK(runner.run({"fetch", "nobody", "--mount="}).status == 2);
  CHECK(runner.run({"fetch", "nobody", "--mount", ""}).status == 2);
  CHECK(runner.run({"fetch", "nobody", "--threads", "x"}).status == 2);
}
