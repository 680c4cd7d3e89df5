#include <doctest/doctest.h>

#include <chrono>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
namespace fs = std::filesystem;

TEST_CASE("a store without damage is whole") {
  const Runner runner;
  CHECK(runner.run({"verify"}).status == 0);
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"capture", session(399)});
  const Result result = runner.run({"verify", "--threads", "2"});
  CHECK(result.status == 0);
  CHECK(result.out.empty());
  CHECK(result.err.find("2 snapshots, 69 blobs") != std::string::npos);
  CHECK(result.err.find("whole") != std::string::npos);
}

TEST_CASE("each damaged blob is a line, and the status is 13") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const auto blobs = runner.blobs();
  int count = 0;
  for (const auto& path : blobs) {
    if (path.stem() == kG2) continue;
    damage(path);
    if (++count == 2) break;
  }
  const Result result = runner.run({"verify"});
  CHECK(result.status == 13);
  CHECK(std::count(result.out.begin(), result.out.end(), '\n') == 2);
  CHECK(result.out.starts_with("damaged    "));
  const Result record = runner.run({"verify", "--json"});
  CHECK(record.status == 13);
  const JsonDocument document(record.out, "verify");
  CHECK(document.root().array("damage").size() == 2);
  CHECK(document.root().u64("snapshots") == 1);
}

TEST_CASE("only what is named is verified") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"capture", "synthetic:2:0"});
  damage(runner.blob(kG1));
  CHECK(runner.run({"verify", kG2}).status == 0);
  CHECK(runner.run({"verify", kG1}).status == 13);
  CHECK(runner.run({"verify"}).status == 13);
}

TEST_CASE("of several snapshots those that are here are verified: done in part") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const Result part = runner.run({"verify", kG2, "nobody"});
  CHECK(part.status == 3);
  CHECK(part.err.find("nobody") != std::string::npos);
  CHECK(part.err.find("1 snapshot,") != std::string::npos);
  CHECK(runner.run({"verify", "nobody"}).status == 10);
  CHECK(runner.run({"verify", "nobody", "nothing"}).status == 10);
  damage(runner.blob(kG2));
  CHECK(runner.run({"verify", kG2, "nobody"}).status == 13);
}

TEST_CASE("the bytes around an engine file's pages are verified too") {
  const Runner runner;
  const std::string hex = runner.must({"capture", session(399), "--name", "s"});
  const std::string record = read_file(runner.store() / "files" / "s.json");
  const JsonDocument document(record, "record");
  const std::string around(document.root().text("surroundings"));
  const fs::path blob = runner.blob(around.substr(around.find(':') + 1));
  damage(blob);
  const Result result = runner.run({"verify", hex});
  INFO(result.err);
  CHECK(result.status == 13);
  CHECK(result.out.find("engine file s") != std::string::npos);
  fs::remove(blob);
  CHECK(runner.run({"verify", hex}).status == 13);
}

TEST_CASE("a record that can't be read is damage") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  write_file(runner.store() / "files" / "s.json", "{");
  CHECK(runner.run({"verify"}).status == 13);
}

TEST_CASE("verify stops on request") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  std::stop_source source;
  source.request_stop();
  const Result result = runner.run({"--json", "verify"}, {.stop = source.get_token()});
  CHECK(result.status == 130);
  CHECK(result.out.find("\"code\":\"interrupted\",\"exit_status\":130") != std::string::npos);
}

TEST_CASE("a repair says what it mended, and takes from another store what it has no intact copy of") {
  const Runner runner;
  const Runner backup;
  for (const Runner* each : {&runner, &backup}) each->must({"capture", "synthetic:8:99"});
  damage(runner.blob(kG2));
  const Result left = runner.run({"verify", "--repair"});
  CHECK(left.status == 13);
  CHECK(left.out.starts_with("damaged    manifest of snapshot "));
  const Result mended = runner.run({"verify", "--repair", "--from", backup.store().native()});
  INFO(mended.out);
  CHECK(mended.status == 0);
  CHECK(mended.out.starts_with("mended     manifest of snapshot "));
  CHECK(mended.err.find("1 mended, whole") != std::string::npos);
  CHECK(runner.run({"verify"}).status == 0);
}

TEST_CASE("the record of a repair counts what was mended and what is left") {
  const Runner runner;
  const Runner backup;
  for (const Runner* each : {&runner, &backup}) each->must({"capture", "synthetic:8:99"});
  damage(runner.blob(kG2));
  const Result result = runner.run({"--json", "verify", "--repair", "--from", backup.store().native()});
  const JsonDocument document(result.out, "verify");
  CHECK(document.root().array("mended").size() == 1);
  CHECK(document.root().array("damage").size() == 0);
  CHECK(document.root().u64("temp_files") == 0);
}

TEST_CASE("a source goes with a repair, and has to be a store") {
  const Runner runner;
  CHECK(runner.run({"verify", "--from", runner.store().native()}).status == 2);
  CHECK(runner.run({"verify", "--repair", "--from="}).status == 2);
  CHECK(runner.run({"verify", "--repair", "--from", runner.path("nowhere").native()}).status == 10);
}

TEST_CASE("what killed programs left is told, and goes with a repair") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const fs::path temp = runner.blob(kG2).parent_path() / ".tmp-1-left";
  write_file(temp, "half");
  fs::last_write_time(temp, fs::file_time_type::clock::now() - std::chrono::hours(3));
  const Result told = runner.run({"verify"});
  CHECK(told.status == 0);
  CHECK(told.err.find("1 temp file, 4 B, that killed programs left can be removed by --repair") != std::string::npos);
  CHECK(runner.run({"verify", "--repair"}).err.find("were removed") != std::string::npos);
  CHECK_FALSE(fs::exists(temp));
}

TEST_CASE("verify of a store with prompts and warm starts counts them and finds what is damaged") {
  const Runner runner;
  const std::string key(64, 'a');
  write_file(runner.path("text"), "a prompt");
  CHECK(runner.run({"prompt", "put", "--text", runner.path("text").native()}, {.input = "bytes"}).status == 0);
  const std::string run = runner.run({"warm", "save", key, "--kind", "final"}, {.input = "bytes"}).line();
  CHECK(runner.run({"verify"}).err == "pfcache: 0 snapshots, 1 prompt, 1 warm start, 0 blobs, 10 B read: whole\n");
  fs::resize_file(runner.store() / "warm" / key / (run + ".bin"), 3);
  const Result result = runner.run({"--json", "verify"});
  CHECK(result.status == 13);
  const JsonDocument document(result.out, "verify");
  CHECK(document.root().u64("prompts") == 1);
  CHECK(document.root().u64("unchecked_prompts") == 0);
  CHECK(document.root().u64("warm_starts") == 1);
  CHECK(document.root().array("damage").size() == 1);
}
