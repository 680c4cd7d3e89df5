#include <doctest/doctest.h>

#include "cli/runner.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

TEST_CASE("remove unseals a snapshot and leaves its blobs to a clean-up") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const auto blobs = runner.blobs();
  const Result result = runner.run({"remove", kG2});
  CHECK(result.status == 0);
  CHECK(result.err.find("given back by a later clean-up") != std::string::npos);
  CHECK(runner.run({"show", kG2}).status == 10);
  CHECK(runner.run({"remove", kG2}).status == 10);
  CHECK(runner.blobs() == blobs);
}

TEST_CASE("the name that was typed goes with the snapshot") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "prod"});
  CHECK(runner.must({"--json", "remove", "prod"}) ==
        "{\"snapshot\":\"" + std::string(kG2) + "\",\"names\":[\"prod\"],\"files\":[]}");
  CHECK(fs::is_empty(runner.store() / "refs"));
  CHECK(fs::is_empty(runner.store() / "snapshots"));
}

TEST_CASE("other names and engine files keep a snapshot unless forced") {
  const Runner runner;
  const std::string hex = runner.must({"capture", session(399), "--name", "s"});
  runner.must({"name", "s", "other"});
  for (const std::string& text : {hex, std::string("s")}) {
    const Result result = runner.run({"remove", text});
    CHECK(result.status == 11);
    CHECK(result.err.find("the name other") != std::string::npos);
    CHECK(result.err.find("the engine file s") != std::string::npos);
  }
  runner.must({"unname", "other"});
  CHECK(runner.run({"remove", "s"}).status == 11);
  CHECK(runner.run({"show", "s"}).status == 0);
  CHECK(runner.run({"remove", "s", "--force"}).status == 0);
  CHECK(runner.run({"show", "s"}).status == 10);
  CHECK(fs::is_empty(runner.store() / "refs"));
  CHECK(fs::is_empty(runner.store() / "files"));
  CHECK(fs::is_empty(runner.store() / "snapshots"));
}

TEST_CASE("a record that can't be read might need the snapshot, so that it stays") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  const std::string hex = runner.must({"capture", "synthetic:8:99"});
  write_file(runner.store() / "files" / "s.json", "{}");
  CHECK(runner.run({"remove", hex, "--force"}).status == 1);
  CHECK(runner.run({"show", hex, "--manifest"}).status == 0);
}
