#include <doctest/doctest.h>

#include "cli/runner.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

TEST_CASE("init makes a store, and leaves a store as it is") {
  const Runner runner;
  CHECK(fs::exists(runner.store() / "config.toml"));
  runner.must({"capture", "synthetic:2:0"});
  CHECK(runner.run({"init"}).status == 0);
  CHECK(runner.must({"list", "--full"}).find(kG1) != std::string::npos);
}

TEST_CASE("init tells where the store is and of which profile") {
  const Runner runner("pf-core");
  CHECK(runner.must({"--json", "init"}) == "{\"store\":\"" + runner.store().native() + "\",\"profile\":\"pf-core\"}");
  CHECK(runner.run({"init"}).err == "pfcache: " + runner.store().native() + " is a store, profile pf-core\n");
  CHECK(runner.run({"init", "--quiet"}).err.empty());
}

TEST_CASE("init refuses another profile and a directory that is something else") {
  const Runner runner;
  CHECK(runner.run({"init", "--profile", "pf-core"}).status == 1);
  fs::create_directory(runner.path("other"));
  write_file(runner.path("other") / "thesis.txt", "precious");
  const Result refused = runner.run({"--store", runner.path("other"), "init"});
  CHECK(refused.status == 2);
  CHECK(read_file(runner.path("other") / "thesis.txt") == "precious");
}

TEST_CASE("init makes what is missing above the user's own store, and above no other") {
  const TempDir home;
  const World world{.variables = {{"HOME", home.path().native()}}};
  CHECK(run_in(world, {"init"}).status == 0);
  CHECK(fs::exists(home.path() / ".local/share/pfcache/config.toml"));
  CHECK(run_in(world, {"list"}).status == 0);
  CHECK(run_in(world, {"--store", home.path() / "a/b", "init"}).status != 0);
  CHECK_FALSE(fs::exists(home.path() / "a"));
}

TEST_CASE("a store that is missing or none ends every command with status 10") {
  const TempDir dir;
  fs::create_directory(dir.path() / "empty");
  write_file(dir.path() / "file", "");
  for (const char* name : {"missing", "empty", "file"}) {
    for (const auto& command : std::vector<std::vector<std::string>>{{"list"},
                                                                     {"stats"},
                                                                     {"verify"},
                                                                     {"capture", "synthetic:1:1"},
                                                                     {"restore", "x", dir.path() / "out"},
                                                                     {"show", "x"},
                                                                     {"diff", "x", "y"},
                                                                     {"name", "x", "y"},
                                                                     {"unname", "x"},
                                                                     {"pin", "x"},
                                                                     {"unpin", "x"},
                                                                     {"remove", "x"}}) {
      CAPTURE(name);
      CAPTURE(command[0]);
      std::vector<std::string> args = {"--store", dir.path() / name};
      args.insert(args.end(), command.begin(), command.end());
      const Result result = run_in({}, args);
      INFO(result.err);
      CHECK(result.status == 10);
      CHECK(result.err.find(name) != std::string::npos);
    }
  }
  CHECK_FALSE(fs::exists(dir.path() / "out"));
  CHECK(fs::is_empty(dir.path() / "empty"));
}
