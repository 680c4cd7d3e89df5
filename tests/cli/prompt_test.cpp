#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "cli/runner.hpp"
#include "pfcache/unique_fd.hpp"

using namespace pfcache::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kHello = "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed";  // of "hello world"

/// Runs a command with `input` as its standard input.
Result run_with(const Runner& runner, const std::vector<std::string>& args, const std::string& input) {
  World world;
  world.input = input;
  return runner.run(args, world);
}

std::string put(const Runner& runner, const std::string& text, const std::string& payload,
                const std::vector<std::string>& options = {}) {
  write_file(runner.path("text"), text);
  write_file(runner.path("payload"), payload);
  std::vector<std::string> args = {"prompt", "put", runner.path("payload").native(), "--text",
                                   runner.path("text").native()};
  args.insert(args.end(), options.begin(), options.end());
  return runner.must(args);
}

}  // namespace

TEST_CASE("what is put is got, from a file and from standard input, as a file and as chunks") {
  const Runner runner;
  const std::string payload = read_file(session(399));
  for (const char* dedup : {"off", "on"}) {
    CHECK(put(runner, "hello world", payload, {"--dedup", dedup}) == kHello);
    CHECK(runner.run({"prompt", "get", kHello}).out == payload);
    CHECK(runner.run({"prompt", "get", kHello, "--text"}).out == "hello world");
    CHECK(fs::exists(runner.store() / "prompt" / (std::string(kHello) + ".kv")) == (std::string(dedup) == "off"));
  }
  CHECK(run_with(runner, {"prompt", "put", "--text", runner.path("text")}, "from stdin").line() == kHello);
  CHECK(runner.run({"prompt", "get", kHello}).out == "from stdin");
  CHECK(runner.temp_files().empty());
}

TEST_CASE("put says what the header says") {
  const Runner runner;
  put(runner, "hello world", "payload",
      {"--tokens", "17", "--ctx", "8192", "--quant", "2", "--reason", "agent-session", "--ext", "1", "--model-id",
       "3"});
  const std::string json = runner.must({"--json", "prompt", "get", kHello});
  for (const char* field : {"\"tokens\":17", "\"ctx\":8192", "\"quant\":2", "\"reason\":\"agent-session\"", "\"ext\":1",
                            "\"model_id\":3", "\"text_bytes\":11", "\"payload_bytes\":7", "\"file_bytes\":70"}) {
    CAPTURE(json);
    CHECK(json.find(field) != std::string::npos);
  }
}

TEST_CASE("find names the longest prefix of the prompt on standard input") {
  const Runner runner;
  CHECK(run_with(runner, {"prompt", "find"}, "hello world").status == 10);
  put(runner, "hello ", "1");
  put(runner, "hello world", "2", {"--quant", "4"});
  put(runner, "hello world, and", "3");
  CHECK(run_with(runner, {"prompt", "find"}, "hello world!").line() == kHello);
  CHECK(run_with(runner, {"prompt", "find", "--quant", "0"}, "hello world!").line() != kHello);
  CHECK(run_with(runner, {"--json", "prompt", "find"}, "hello world!").out.find(kHello) != std::string::npos);
  CHECK(run_with(runner, {"prompt", "find"}, "hi").status == 10);
}

TEST_CASE("list shows all, and says which files are none") {
  const Runner runner;
  CHECK(runner.must({"--json", "prompt", "list"}) == R"({"prompts":[],"unreadable":[],"charged_bytes":0})");
  put(runner, "hello world", "payload", {"--tokens", "17"});
  CHECK(runner.must({"prompt", "list"}).find(kHello) != std::string::npos);
  CHECK(runner.must({"--json", "prompt", "list"}).find("\"charged_bytes\":70}") != std::string::npos);
  write_file(runner.store() / "prompt" / (std::string(40, 'a') + ".kv"), "");
  const Result result = runner.run({"prompt", "list"});
  CHECK(result.status == 3);
  CHECK(result.err.find(std::string(40, 'a')) != std::string::npos);
}

TEST_CASE("evict fits the budget") {
  const Runner runner;
  for (const char* text : {"a", "b", "c", "d"}) put(runner, text, std::string(20 << 20, 'p'));
  const std::string json = runner.must({"--json", "prompt", "evict", "--budget", "64MiB"});
  CHECK(json.find("\"evicted_entries\":1,") != std::string::npos);
  CHECK(runner.must({"--json", "prompt", "evict", "--budget", "64MiB"}).find("\"evicted_entries\":0,") !=
        std::string::npos);
  write_file(runner.path("payload"), std::string(65 << 20, 'p'));
  CHECK(
      runner.run({"prompt", "put", runner.path("payload"), "--text", runner.path("text"), "--budget", "64M"}).status ==
      1);
}

TEST_CASE("what is absent is 10, what is damaged 13, and neither prints a byte of payload") {
  const Runner runner;
  CHECK(runner.run({"prompt", "get", kHello}).status == 10);
  const Result no_file = runner.run({"prompt", "put", "--text", runner.path("none")});
  CHECK(no_file.status == 10);
  CHECK(no_file.err.find("none") != std::string::npos);
  const std::string payload(100'000, 'p');
  put(runner, "hello world", payload);
  const fs::path file = runner.store() / "prompt" / (std::string(kHello) + ".kv");
  {
    const pfcache::UniqueFd fd(::open(file.c_str(), O_WRONLY));
    REQUIRE(::pwrite(fd.get(), "X", 1, 50'000) == 1);
  }
  const Result result = runner.run({"prompt", "get", kHello});
  CHECK(result.status == 13);
  CHECK(result.out.empty());
  CHECK(result.err.find(kHello) != std::string::npos);
}

TEST_CASE("keys and values that have no meaning are refused") {
  const Runner runner;
  const WrongUsage wrong = {
      {{"prompt"}, "expected a command; see 'pfcache prompt --help'"},
      {{"prompt", "get"}, "KEY is required"},
      {{"prompt", "get", "../x"}, "expected 40 lower-case hex digits, found '../x'"},
      {{"prompt", "get", std::string(39, 'a')}, "expected 40"},
      {{"prompt", "get", std::string(41, 'a')}, "expected 40"},
      {{"prompt", "get", std::string(40, 'A')}, "expected 40"},
      {{"prompt", "put", "p", "--text", "t", "--dedup", "maybe"}, "--dedup: expected on or off, found 'maybe'"},
      {{"prompt", "put", "p", "--text", "t", "--reason", "bored"}, "found 'bored'"},
      {{"prompt", "put", "p", "--text", "t", "--tokens", "-1"}, "--tokens"},
      {{"prompt", "put", "p", "--text", "t", "--quant", "256"}, "--quant"},
      {{"prompt", "evict", "--budget", "1M"}, "--budget: expected at least 64MiB, found '1M'"},
      {{"prompt", "evict", "--policy", "fifo"}, "--policy: expected lru or value, found 'fifo'"},
      {{"prompt", "find", "--max-tokens", "x"}, "--max-tokens"},
      {{"prompt", "list", "more"}, "not expected: 'more'"},
  };
  runner.check_wrong_usage(wrong);
  CHECK_FALSE(fs::exists(runner.store() / "prompt"));
}

TEST_CASE("empty texts and payloads, and texts of any bytes, are as good as others") {
  const Runner runner;
  const std::string empty = put(runner, "", "");
  CHECK(runner.run({"prompt", "get", empty}).out.empty());
  CHECK(run_with(runner, {"prompt", "find"}, "").line() == empty);
  const std::string text("\0\xff\n\x80", 4);
  const std::string binary = put(runner, text, "payload");
  CHECK(runner.run({"prompt", "get", binary, "--text"}).out == text);
  CHECK(run_with(runner, {"prompt", "find"}, text + "more").line() == binary);
}

TEST_CASE("put wants a text, and one payload") {
  const Runner runner;
  CHECK(runner.run({"prompt", "put", "a"}).status == 2);
  CHECK(runner.run({"prompt", "put", "a", "b", "--text", "c"}).status == 2);
}
