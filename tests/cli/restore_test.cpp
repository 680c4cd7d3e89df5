#include <doctest/doctest.h>

#include "cli/runner.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

TEST_CASE("a directory that was restored, captured and restored again is the same") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"restore", kG2, runner.path("one")});
  const Runner other;
  CHECK(other.must({"capture", runner.path("one")}) == kG2);
  other.must({"restore", kG2, runner.path("two")});
  CHECK(same_trees(runner.path("one"), runner.path("two")));
  CHECK(read_file(runner.path("one") / "manifest.json") + "\n" == other.run({"show", "--manifest", kG2}).out + "\n");
}

TEST_CASE("engine files come back byte for byte") {
  const Runner runner;
  for (const int tokens : {399, 799, 1199}) {
    const std::string name = std::string("s").append(std::to_string(tokens));
    runner.must({"capture", session(tokens), "--name", name});
    runner.must({"restore", name, runner.path(name)});
    CHECK(read_file(runner.path(name)) == read_file(session(tokens)));
  }
}

TEST_CASE("a snapshot is restored by every spelling of it") {
  const Runner runner;
  runner.must({"capture", session(399)});
  const std::string hex = runner.must({"capture", "synthetic:8:99", "--name", "prod"});
  int count = 0;
  for (const std::string& text : {hex, "sha256:" + hex, hex.substr(0, 8), hex.substr(0, 63), std::string("prod")}) {
    CAPTURE(text);
    CHECK(runner.run({"restore", text, runner.path(std::to_string(count++))}).status == 0);
  }
  CHECK(runner.run({"restore", "llama-session-399.bin", runner.path("session")}).status == 0);
}

TEST_CASE("what names no snapshot ends with status 10") {
  const Runner runner;
  const std::string hex = runner.must({"capture", "synthetic:8:99"});
  for (const std::string& text : {hex.substr(0, 7), std::string(8, '0'), std::string(64, '0'), std::string(""),
                                  std::string("../x"), "SHA256:" + hex, hex + "0", std::string("sha256:")}) {
    CAPTURE(text);
    const Result result = runner.run({"restore", text, runner.path("out")});
    INFO(result.err);
    CHECK(result.status == 10);
    CHECK_FALSE(fs::exists(runner.path("out")));
  }
}

TEST_CASE("a prefix that fits two snapshots is wrong usage") {
  const Runner runner;
  const std::string hex = runner.must({"capture", "synthetic:8:99"});
  // A seal whose digest differs in the last digit only.
  fs::copy_file(runner.store() / "snapshots" / hex, runner.store() / "snapshots" / (hex.substr(0, 63) + "0"));
  CHECK(runner.run({"show", hex.substr(0, 8)}).status == 2);
  CHECK(runner.run({"show", hex}).status == 0);
}

TEST_CASE("an engine's snapshot becomes a directory when DEST says so") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  fs::create_directory(runner.path("empty"));
  runner.must({"restore", "s", runner.path("empty")});
  runner.must({"restore", "s", runner.path("new").native() + "/"});
  runner.must({"restore", "s", runner.path("forced"), "--as", "directory"});
  CHECK(fs::exists(runner.path("empty") / "manifest.json"));
  CHECK(same_trees(runner.path("empty"), runner.path("new")));
  CHECK(same_trees(runner.path("empty"), runner.path("forced")));
}

TEST_CASE("a file is overwritten with --force only, a directory never") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  write_file(runner.path("out"), "precious");
  CHECK(runner.run({"restore", "s", runner.path("out")}).status == 1);
  CHECK(read_file(runner.path("out")) == "precious");
  runner.must({"restore", "s", runner.path("out"), "--force"});
  CHECK(read_file(runner.path("out")) == read_file(session(399)));
  fs::create_directory(runner.path("dir"));
  CHECK(runner.run({"restore", "s", runner.path("dir"), "--as", "file", "--force"}).status == 2);
  write_file(runner.path("dir") / "thing", "");
  CHECK(runner.run({"restore", "s", runner.path("dir")}).status == 1);
}

TEST_CASE("a snapshot that was no engine's file is not restored as one") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  CHECK(runner.run({"restore", kG2, runner.path("out"), "--as", "file"}).status == 10);
}

TEST_CASE("of two files with the same pages the record's name says which") {
  const Runner runner;
  // Another token in the header: other surroundings, the same pages.
  std::string bytes = read_file(session(399));
  bytes[12] = static_cast<char>(bytes[12] ^ 1);
  write_file(runner.path("variant.bin"), bytes);
  runner.must({"capture", session(399)});
  const std::string hex = runner.must({"capture", runner.path("variant.bin")});
  const Result result = runner.run({"restore", hex, runner.path("out")});
  CHECK(result.status == 2);
  CHECK(result.err.find("llama-session-399.bin, variant.bin") != std::string::npos);
  CHECK_FALSE(fs::exists(runner.path("out")));
  runner.must({"restore", "variant.bin", runner.path("out")});
  CHECK(read_file(runner.path("out")) == bytes);
}

TEST_CASE("damage ends a restore with status 13 and leaves no destination") {
  const Runner runner;
  const std::string hex = runner.must({"capture", session(399)});
  for (const auto& path : runner.blobs()) {
    if (path.stem() != hex) damage(path);
  }
  for (const char* shape : {"file", "directory"}) {
    const Result result = runner.run({"--json", "restore", hex, runner.path("out"), "--as", shape});
    INFO(result.err);
    CHECK(result.status == 13);
    CHECK(result.out.find("\"code\":\"damaged\",\"exit_status\":13") != std::string::npos);
    CHECK_FALSE(fs::exists(runner.path("out")));
  }
  CHECK(runner.temp_files().empty());
}

TEST_CASE("an interrupted restore leaves no destination") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "s"});
  std::stop_source source;
  source.request_stop();
  for (const char* shape : {"file", "directory"}) {
    const Result result = runner.run({"restore", "s", runner.path("out"), "--as", shape}, {.stop = source.get_token()});
    CHECK(result.status == 130);
    CHECK_FALSE(fs::exists(runner.path("out")));
  }
  CHECK(runner.temp_files().empty());
}

TEST_CASE("a missing parent of the destination is told") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  const Result result = runner.run({"restore", kG2, runner.path("no/where")});
  CHECK(result.status == 10);
  CHECK(result.err.find("no") != std::string::npos);
}
