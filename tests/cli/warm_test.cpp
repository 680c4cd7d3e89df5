#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/command_line.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
using pfcache::JsonObject;
namespace fs = std::filesystem;

namespace {

const std::string kKey = "c2911c6e2b431839f6aa0895864cdc273ef3fa74699e510bf5603f6443749268";

Result save(const Runner& runner, const std::string& payload, std::vector<std::string> options,
            const std::string& key = kKey) {
  std::vector<std::string> args = {"warm", "save", key};
  args.insert(args.end(), options.begin(), options.end());
  return runner.run(args, {.input = payload});
}

TEST_CASE("what can't be read keeps nothing from being evicted, and is told with status 3") {
  const Runner runner;
  for (const char* payload : {"first", "second"}) save(runner, payload, {"--kind", "final"});
  const std::string loop(64, 'b');
  fs::create_symlink(loop, runner.store() / "warm" / loop);
  const Result result = runner.run({"warm", "evict", "--budget", "300"});
  CHECK(result.status == 3);
  CHECK(result.err.find(loop) != std::string::npos);
  CHECK(result.err.find("1 evicted") != std::string::npos);
  const Result record = runner.run({"--json", "warm", "evict"});
  CHECK(record.status == 3);
  const JsonDocument document(record.out, "warm evict");
  CHECK(document.root().array("failures").size() > 0);
}

}  // namespace

TEST_CASE("what is saved from standard input is looked up to standard output, byte for byte") {
  const Runner runner;
  const std::string payload("any \0 bytes\n\xff", 13);
  const Result saved = save(runner, payload, {"--objective", "-1.5", "--kind", "final", "--iteration", "7"});
  CHECK(saved.status == 0);
  CHECK(saved.out.starts_with("r"));
  const Result found = runner.run({"warm", "lookup", kKey});
  CHECK(found.status == 0);
  CHECK(found.out == payload);
  CHECK(found.err.find(saved.line() + ": final, objective -1.5, iteration 7, 13 B") != std::string::npos);
  CHECK(read_file(runner.store() / "warm" / kKey / (saved.line() + ".bin")) == payload);
}

TEST_CASE("the best is looked up, and a damaged one passed over") {
  const Runner runner;
  save(runner, "second", {"--objective", "2", "--kind", "checkpoint"});
  const Result best = save(runner, "best", {"--objective", "1e-3", "--kind", "checkpoint"});
  save(runner, "none", {"--kind", "final"});
  CHECK(runner.must({"--quiet", "warm", "lookup", kKey}) == "bes");
  CHECK(runner.run({"warm", "lookup", kKey}).out == "best");
  damage(runner.store() / "warm" / kKey / (best.line() + ".bin"));
  CHECK(runner.run({"warm", "lookup", kKey}).out == "second");
}

TEST_CASE("the records of save, lookup and list say the same") {
  const Runner runner;
  const Result saved = save(runner, "payload", {"--objective", "0.1", "--kind", "final", "--json"});
  const std::string run(JsonDocument(saved.line(), "saved").root().text("run"));
  const std::string sum = "239f59ed55e737c77147cf55ad0c1b030b6d7ee748a7426952f9b852d5a935e5";
  CHECK(saved.line() ==
        "{\"key\":\"" + kKey + "\",\"run\":\"" + run + "\",\"payload_bytes\":7,\"sha256\":\"" + sum + "\"}");
  const std::string looked_up = runner.must({"--json", "warm", "lookup", kKey});
  const JsonDocument document(looked_up, "lookup");
  const JsonObject record = document.root();
  CHECK(record.text("run") == run);
  CHECK(record.text("kind") == "final");
  CHECK(record.optional_f64("objective") == 0.1);
  CHECK(record.has("iteration"));
  CHECK_FALSE(record.optional_u64("iteration"));
  CHECK(record.u64("payload_bytes") == 7);
  CHECK(record.text("sha256") == sum);
  CHECK(runner.must({"warm", "--json", "list", kKey}) == "{\"entries\":[" + looked_up + "]}");
  CHECK(runner.must({"warm", "list", "--json"}) == "{\"entries\":[" + looked_up + "]}");
}

TEST_CASE("list shows what there is, of each key the best first") {
  const Runner runner;
  CHECK(runner.must({"warm", "list"}) == "KEY  RUN  KIND  OBJECTIVE  ITERATION  SIZE  WRITTEN");
  const std::string first = save(runner, "a", {"--objective", "2", "--kind", "final"}).line();
  const std::string second = save(runner, "b", {"--objective", "1", "--kind", "checkpoint"}).line();
  save(runner, "c", {"--kind", "final"}, std::string(64, '0'));
  const std::string text = runner.must({"warm", "list"});
  CHECK(text.find(second) < text.find(first));
  CHECK(text.find("c2911c6e2b43  ") != std::string::npos);
  CHECK(text.find(kKey) == std::string::npos);
  CHECK(runner.must({"warm", "list", "--full", kKey}).find(kKey) != std::string::npos);
  CHECK(runner.must({"warm", "list", kKey}).find("000000000000") == std::string::npos);
}

TEST_CASE("where there is nothing the status is 10, and nothing is made") {
  const Runner runner;
  CHECK(runner.run({"warm", "lookup", kKey}).status == 10);
  CHECK(runner.run({"warm", "list", kKey}).status == 10);
  CHECK(runner.run({"warm", "evict"}).status == 0);
  CHECK_FALSE(fs::exists(runner.store() / "warm"));
  CHECK(run_in({}, {"--store", runner.path("no store"), "warm", "lookup", kKey}).status == 10);
  CHECK(run_in({}, {"--store", runner.path("no store"), "warm", "save", kKey, "--kind", "final"}).status == 10);
  CHECK_FALSE(fs::exists(runner.path("no store")));
}

TEST_CASE("evict keeps the budget, the latest first") {
  const Runner runner;
  for (int i = 0; i < 5; ++i) save(runner, std::string(1000, 'x'), {"--kind", "final"});
  const std::string newest = save(runner, std::string(1000, 'x'), {"--kind", "final"}).line();
  const Result result = runner.run({"warm", "evict", "--budget", "3K"});
  CHECK(result.status == 0);
  CHECK(result.err.find("4 evicted") != std::string::npos);
  CHECK(result.err.find("2 entries, 2.") != std::string::npos);
  CHECK(runner.must({"warm", "list"}).find(newest) != std::string::npos);
  const std::string record = runner.must({"--json", "warm", "evict"});
  CHECK(JsonDocument(record, "evict").root().u64("kept_entries") == 2);
}

TEST_CASE("keys and values that have no meaning are refused") {
  const Runner runner;
  const WrongUsage wrong = {
      {{"warm"}, "expected a command; see 'pfcache warm --help'"},
      {{"warm", "nope"}, "there is no command 'warm nope'; see 'pfcache warm --help'"},
      {{"warm", "save"}, "KEY is required; see 'pfcache warm save --help'"},
      {{"warm", "lookup", "../x"}, "KEY: expected 64 lower-case hex digits, found '../x'"},
      {{"warm", "lookup", std::string(63, 'a')}, "KEY"},
      {{"warm", "lookup", std::string(65, 'a')}, "KEY"},
      {{"warm", "list", std::string(64, 'A')}, "KEY"},
      {{"warm", "save", "../x", "--kind", "final"}, "KEY"},
      {{"warm", "save", kKey}, "--kind is required"},
      {{"warm", "save", kKey, "--kind", "Final"}, "--kind: expected checkpoint or final, found 'Final'"},
      {{"warm", "save", kKey, "--kind", "final", "--objective", "low"}, "--objective"},
      {{"warm", "save", kKey, "--kind", "final", "--objective", "1x"}, "'1x'"},
      {{"warm", "save", kKey, "--kind", "final", "--iteration", "-1"}, "--iteration"},
      {{"warm", "lookup", kKey, "more"}, "not expected: 'more'"},
      {{"warm", "evict", "--budget", "much"}, "--budget"},
  };
  runner.check_wrong_usage(wrong);
  CHECK_FALSE(fs::exists(runner.store() / "warm"));
}

TEST_CASE("an objective that is no number is none") {
  const Runner runner;
  for (const char* text : {"nan", "inf"}) save(runner, "x", {"--objective", text, "--kind", "final"});
  save(runner, "x", {"--objective=-inf", "--kind", "final"});
  const std::string record = runner.must({"warm", "list", "--json"});
  const JsonDocument document(record, "list");
  int count = 0;
  document.root().array("entries").for_each_object([&](const JsonObject& entry) {
    ++count;
    CHECK_FALSE(entry.optional_f64("objective"));
  });
  CHECK(count == 3);
}

TEST_CASE("a save that is stopped while it reads leaves nothing") {
  const Runner runner;
  std::stop_source stop;
  stop.request_stop();
  const Result result =
      runner.run({"warm", "save", kKey, "--kind", "final"}, {.stop = stop.get_token(), .input = "payload"});
  CHECK(result.status == 130);
  CHECK_FALSE(fs::exists(runner.store() / "warm"));
}

TEST_CASE("each command of the group has a help with an example that fits a terminal") {
  using pfcache::cli::parse_command_line;
  CHECK(parse_command_line(std::vector<std::string>{"--help"}).text.find("\n  warm ") != std::string::npos);
  const std::string group = parse_command_line(std::vector<std::string>{"warm", "--help"}).text;
  for (const char* command : {"save", "lookup", "list", "evict"}) {
    CAPTURE(std::string(command));
    CHECK(group.find("\n  " + std::string(command) + " ") != std::string::npos);
    const std::string text = parse_command_line(std::vector<std::string>{"warm", command, "--help"}).text;
    CHECK(text.find("Usage: pfcache warm " + std::string(command)) != std::string::npos);
    CHECK(text.find("Example:\n  pfcache warm ") != std::string::npos);
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      CHECK(end - at <= 84);
      at = end + 1;
    }
  }
}
