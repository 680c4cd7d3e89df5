#include <doctest/doctest.h>

#include <cstdlib>

#include "cli/runner.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

TEST_CASE("a name is given, moved and taken away") {
  const Runner runner;
  runner.must({"capture", "synthetic:2:0"});
  runner.must({"capture", "synthetic:8:99"});
  CHECK(runner.must({"--json", "name", kG1, "prod"}) ==
        "{\"name\":\"prod\",\"snapshot\":\"" + std::string(kG1) + "\",\"previous\":null}");
  const Result moved = runner.run({"name", kG2, "prod"});
  CHECK(moved.err == "pfcache: prod names " + std::string(kG2) + ", before " + kG1 + "\n");
  CHECK(runner.must({"show", "prod"}).find(kG2) != std::string::npos);
  CHECK(runner.must({"--json", "unname", "prod"}) == "{\"name\":\"prod\"}");
  CHECK(runner.run({"show", "prod"}).status == 10);
  CHECK(runner.run({"unname", "prod"}).status == 10);
  CHECK(runner.run({"show", kG2}).status == 0);
}

TEST_CASE("a damaged ref can be moved and taken away") {
  const Runner runner;
  runner.must({"capture", "synthetic:2:0", "--name", "prod"});
  write_file(runner.store() / "refs" / "prod", "garbage");
  runner.must({"name", kG1, "prod"});
  CHECK(runner.run({"show", "prod"}).status == 0);
}

TEST_CASE("a snapshot that was removed gets its seal back by a name, when it is whole") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"remove", kG2});
  CHECK(runner.run({"show", kG2}).status == 10);
  CHECK(runner.run({"name", std::string(kG2).substr(0, 12), "back"}).status == 10);
  runner.must({"name", kG2, "back"});
  CHECK(runner.must({"list"}).find("2.0 KiB") != std::string::npos);
  runner.must({"verify", "back"});
}

TEST_CASE("what is damaged, absent or no manifest is not sealed by a name") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"remove", kG2});
  std::string page;
  for (const auto& path : runner.blobs()) {
    if (path.stem() != kG2) page = path.stem();
  }
  CHECK(runner.run({"name", page, "x"}).status == 1);
  CHECK(runner.run({"name", kG1, "x"}).status == 10);
  damage(runner.blob(page));
  const Result result = runner.run({"name", kG2, "x"});
  CHECK(result.status == 13);
  CHECK(result.err.find("is not whole") != std::string::npos);
  CHECK(runner.must({"--json", "list"}) == "{\"snapshots\":[],\"complete\":true}");
  CHECK(runner.run({"show", "x"}).status == 10);
}

TEST_CASE("a store that pf-core wrote is used by full digests, and named into ours") {
  const TempDir dir;
  const std::string untar = "tar -xzf '" TEST_DATA_DIR "/pf-core-store-g2.tar.gz' -C '" + dir.path().native() + "'";
  REQUIRE(std::system(untar.c_str()) == 0);  // NOLINT(*-env33-c,concurrency-mt-unsafe): a test's own command
  fs::path store = dir.path();
  while (!fs::exists(store / "blobs")) store = fs::directory_iterator(store)->path();
  const auto run = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {"--store", store});
    return run_in({}, args);
  };
  CHECK(run({"show", kG2}).status == 0);
  CHECK(run({"verify", kG2}).status == 0);
  CHECK(run({"diff", kG2, std::string("sha256:") + kG2}).status == 0);
  CHECK(run({"restore", kG2, dir.path() / "out"}).status == 0);
  CHECK(run({"list"}).err.find("pf-core store") != std::string::npos);
  CHECK(run({"pin", kG2}).status == 10);
  CHECK(run({"remove", kG2}).status == 10);
  CHECK(run({"name", kG2, "g2"}).status == 0);
  CHECK(run({"list"}).out.find("g2") != std::string::npos);
  const Runner ours;
  CHECK(ours.must({"capture", dir.path() / "out"}) == kG2);
}

TEST_CASE("pinned snapshots are not removed") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  CHECK(runner.must({"--json", "pin", kG2}) == "{\"snapshot\":\"" + std::string(kG2) + "\",\"pinned\":true}");
  CHECK(runner.must({"show", kG2}).find("pinned     yes") != std::string::npos);
  CHECK(runner.run({"remove", kG2}).status == 11);
  CHECK(runner.run({"remove", kG2, "--force"}).status == 11);
  CHECK(runner.must({"--json", "unpin", kG2}).find("\"pinned\":false") != std::string::npos);
  CHECK(runner.run({"remove", kG2}).status == 0);
  CHECK(runner.run({"pin", kG2}).status == 10);
}
