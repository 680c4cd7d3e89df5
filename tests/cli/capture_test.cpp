#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
namespace fs = std::filesystem;

TEST_CASE("synthetic sources make the digests that pf-cache makes") {
  const Runner runner;
  CHECK(runner.must({"capture", "synthetic:2:0"}) == kG1);
  CHECK(runner.must({"capture", "synthetic:8:99", "--page-tokens", "4", "--layers", "2", "--heads", "2", "--head-dim",
                     "4", "--dtype", "bf16"}) == kG2);
  CHECK(runner.must({"capture", "--page-tokens=3", "--layers=1", "--heads=1", "--head-dim=3", "--dtype=f16",
                     "synthetic:3:7"}) == kG4);
}

TEST_CASE("kv-like content is other content") {
  const Runner runner;
  CHECK(runner.must({"capture", "synthetic:2:0", "--content", "random"}) == kG1);
  CHECK(runner.must({"capture", "synthetic:2:0", "--content", "kv-like"}) != kG1);
}

TEST_CASE("capture seals, names and tells what was new") {
  const Runner runner;
  const Result first = runner.run({"capture", "synthetic:8:99", "--name", "prod"});
  CHECK(first.out == std::string(kG2) + "\n");
  CHECK(first.err.starts_with("pfcache: 8 pages, 2.0 KiB; new: 17 blobs, "));
  CHECK(first.err.find("; 0 B were in the store already") != std::string::npos);
  const Result second = runner.run({"capture", "synthetic:8:99"});
  CHECK(second.out == first.out);
  CHECK(second.err == "pfcache: 8 pages, 2.0 KiB; new: 0 blobs, 0 B stored; 2.0 KiB were in the store already\n");
  CHECK(runner.run({"--quiet", "capture", "synthetic:8:99"}).err.empty());
  CHECK(runner.must({"list"}).find("prod") != std::string::npos);
}

TEST_CASE("the record of a capture has its numbers in bytes") {
  const Runner runner;
  const std::string text = runner.must({"--json", "capture", "synthetic:8:99", "--name", "prod"});
  const JsonDocument document(text, "capture");
  const auto root = document.root();
  CHECK(root.text("snapshot") == kG2);
  CHECK(root.u64("pages") == 8);
  CHECK(root.u64("logical_bytes") == 2048);
  CHECK(root.u64("added_blobs") == 17);
  CHECK(root.u64("added_bytes") > 0);
  CHECK(root.u64("shared_bytes") == 0);
  CHECK(root.text("name") == "prod");
}

TEST_CASE("three sessions of one conversation share their pages") {
  const Runner runner;
  runner.must({"capture", session(1199)});
  const std::string text = runner.must({"--json", "capture", session(799)});
  const JsonDocument document(text, "capture");
  // All but the last page, which is only partly filled.
  CHECK(document.root().u64("shared_bytes") == std::uint64_t{49} * 32768);
  CHECK(document.root().text("file") == "llama-session-799.bin");
}

TEST_CASE("a directory is captured, and its spelling may hold blanks and commas") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "g2"});
  const std::string dir = runner.path("a b, c");
  runner.must({"restore", "g2", dir});
  CHECK(runner.must({"capture", dir}) == kG2);
  CHECK(runner.must({"capture", dir + "/"}) == kG2);
}

TEST_CASE("what can't be captured is refused with a reason, and nothing is left behind") {
  const Runner runner;
  fs::create_directory(runner.path("bare"));
  write_file(runner.path("empty"), "");
  write_file(runner.path("note.txt"), "not a session");
  const std::vector<std::tuple<std::string, int, std::string>> sources = {
      {runner.path("missing"), 10, "missing"},
      {runner.path("bare"), 10, "manifest.json"},
      {runner.path("empty"), 1, "expected a directory with a manifest.json, or a llama.cpp"},
      {runner.path("note.txt"), 1, "expected a directory with a manifest.json, or a llama.cpp"},
      {"/dev/null", 1, "expected a directory"},
  };
  for (const auto& [source, status, reason] : sources) {
    const Result result = runner.run({"capture", source, "--name", "x"});
    INFO(result.err);
    CHECK(result.status == status);
    CHECK(result.out.empty());
    CHECK(result.err.find(reason) != std::string::npos);
  }
  CHECK(runner.temp_files().empty());
  CHECK(runner.must({"--json", "list"}) == "{\"snapshots\":[],\"complete\":true}");
}

TEST_CASE("a geometry goes with synthetic sources only") {
  const Runner runner;
  const Result result = runner.run({"capture", session(399), "--layers", "4"});
  CHECK(result.status == 2);
  CHECK(result.err.find("synthetic:PAGES:SEED") != std::string::npos);
}

TEST_CASE("a synthetic cache above the limits takes no memory") {
  const Runner runner;
  for (const auto& args :
       {std::vector<std::string>{"capture", "synthetic:1048577:0"},
        std::vector<std::string>{"capture", "synthetic:1:0", "--page-tokens", "65536", "--head-dim", "65536"}}) {
    const Result result = runner.run(args);
    CHECK(result.status == 1);
    CHECK(result.err.find("too large") != std::string::npos);
  }
}

TEST_CASE("a synthetic cache above the memory limit makes the same snapshot") {
  const Runner runner;
  CHECK(runner.must({"capture", "synthetic:8:99", "--memory-limit", "1"}) == kG2);
}

TEST_CASE("an interrupted capture leaves nothing and ends with 128 and the signal") {
  const Runner runner;
  std::stop_source source;
  source.request_stop();
  for (const std::string& what : {std::string("synthetic:8:99"), session(399)}) {
    const Result result = runner.run({"capture", what, "--name", "x"}, {.stop = source.get_token()});
    CHECK(result.status == 130);
    CHECK(result.err == "pfcache: interrupted\n");
    CHECK(result.out.empty());
  }
  CHECK(runner.temp_files().empty());
  CHECK(runner.must({"--json", "list"}) == "{\"snapshots\":[],\"complete\":true}");
}

TEST_CASE("a source that is not UTF-8 is kept readable") {
  const Runner runner;
  const std::string dir = runner.path("caf\xE9");
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"restore", kG2, dir});
  const Runner other;
  other.must({"capture", dir});
  CHECK(other.must({"show", kG2}).find("caf\xEF\xBF\xBD") != std::string::npos);
}
