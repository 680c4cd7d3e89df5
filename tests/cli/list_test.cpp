#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
using pfcache::JsonObject;

TEST_CASE("an empty store lists nothing but titles") {
  const Runner runner;
  CHECK(runner.must({"list"}) == "SNAPSHOT  PAGES  SIZE  SEALED  PIN  NAMES  FILES");
}

TEST_CASE("list shows what a snapshot is called and whether it is pinned") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "prod"});
  runner.must({"name", "prod", "alias"});
  runner.must({"pin", "prod"});
  const std::string text = runner.must({"list"});
  CHECK(text.find("530ae64d7190      8  2.0 KiB  ") != std::string::npos);
  CHECK(text.ends_with("  pinned  alias,prod"));
  CHECK(text.find(kG2) == std::string::npos);
  CHECK(runner.must({"list", "--full"}).find(kG2) != std::string::npos);
}

TEST_CASE("the record of a list has everything in full") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  const std::string text = runner.must({"list", "--json"});
  const JsonDocument document(text, "list");
  std::size_t count = 0;
  document.root().array("snapshots").for_each_object([&](const JsonObject& snapshot) {
    ++count;
    CHECK(snapshot.text("snapshot").size() == 64);
    CHECK(snapshot.array("names").size() == 1);
    CHECK(snapshot.array("files").size() == 1);
    CHECK(snapshot.u64("pages") == 25);
    CHECK(snapshot.u64("logical_bytes") == 25 * 32768);
    CHECK(snapshot.u64("sealed_unix_secs") > 1700000000);
    CHECK(snapshot.text("by") == "pfcache " PFCACHE_VERSION);
    CHECK(snapshot.text("source") == session(399));
    CHECK_FALSE(snapshot.boolean("pinned"));
  });
  CHECK(count == 1);
}

TEST_CASE("the newest comes first") {
  const Runner runner;
  runner.must({"capture", "synthetic:2:0"});
  runner.must({"capture", "synthetic:8:99"});
  const auto seal = runner.store() / "snapshots" / kG2;
  std::string record = read_file(seal);
  const auto at = record.find("\"sealed_unix_secs\":");
  REQUIRE(at != std::string::npos);
  const auto digits = record.find_first_of("0123456789", at);
  for (const auto& [first_digit, first] : {std::pair{'9', "530ae64d7190"}, std::pair{'0', "a7e58d925525"}}) {
    std::string changed = record;
    changed[digits] = first_digit == '0' ? '1' : '9';
    if (first_digit == '0') changed[digits + 1] = '0';
    write_file(seal, changed);
    const std::string text = runner.must({"list"});
    CHECK(text.find('\n') + 1 == text.find(first));
  }
}

TEST_CASE("a name without its snapshot is told, not listed") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "prod"});
  std::filesystem::remove(runner.store() / "snapshots" / kG2);
  const Result result = runner.run({"list"});
  CHECK(result.status == 0);
  CHECK(result.out.find("prod") == std::string::npos);
  CHECK(result.err.find("the name prod is of a snapshot that is not here") != std::string::npos);
}

TEST_CASE("a list without the engine files is one in part") {
  const Runner runner;
  runner.must({"capture", session(399)});
  write_file(runner.store() / "files" / "broken.json", "{");
  const Result result = runner.run({"--json", "list"});
  CHECK(result.status == 3);
  CHECK(result.out.find("\"pages\":25") != std::string::npos);
  CHECK(result.out.find("\"complete\":false") != std::string::npos);
  CHECK(result.err.find("broken") != std::string::npos);
}
