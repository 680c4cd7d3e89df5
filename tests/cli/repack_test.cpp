#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;

TEST_CASE("repack converts a store and says what came of it") {
  const Runner runner;
  const std::string snapshot = runner.must({"capture", session(399)});
  const std::string text = runner.must({"--json", "repack", "--encoding", "raw"});
  const JsonDocument document(text, "repack");
  const auto root = document.root();
  CHECK(root.u64("blobs") == 52);
  CHECK(root.u64("converted") > 0);
  CHECK(root.u64("bytes_after") > root.u64("bytes_before"));
  CHECK(root.has("damage"));
  for (const auto& file : runner.blobs()) CHECK(file.extension() == ".raw");
  CHECK(runner.run({"repack", "--encoding", "auto"}).err.find("of 52 blobs converted") != std::string::npos);
  CHECK(runner.run({"verify"}).status == 0);
}

TEST_CASE("repack of a store with a damaged blob ends with 13 and names it") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  damage(runner.blob(kG2));
  const Result result = runner.run({"repack", "--encoding", "zst19"});
  CHECK(result.status == 13);
  CHECK(result.out.find(kG2) != std::string::npos);
}

TEST_CASE("repack refuses what it does not know, and what pf-core could not read") {
  const Runner runner;
  CHECK(runner.run({"repack", "--encoding", "zip"}).status == 2);
  const Runner pf_core("pf-core");
  const Result result = pf_core.run({"repack", "--encoding", "raw"});
  CHECK(result.status == 2);
  CHECK(result.err.find("pf-core") != std::string::npos);
}
