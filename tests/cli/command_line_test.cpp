#include "cli/command_line.hpp"

#include <doctest/doctest.h>

#include "cli/runner.hpp"
#include "pfcache/error.hpp"

using namespace pfcache;
using pfcache::cli::CommandLine;
using pfcache::cli::parse_command_line;
using pfcache::test::run_in;

namespace {

CommandLine parse(const std::vector<std::string>& args) { return parse_command_line(args); }

const std::vector<std::string> kCommands = {"init",   "capture", "restore", "list",  "show",   "diff",
                                            "name",   "unname",  "pin",     "unpin", "remove", "fetch",
                                            "verify", "stats",   "config",  "doctor"};

}  // namespace

TEST_CASE("global options are taken before and after the command") {
  for (const auto& args : {std::vector<std::string>{"--store", "/s", "--json", "--quiet", "list"},
                           std::vector<std::string>{"list", "--quiet", "--store=/s", "--json"},
                           std::vector<std::string>{"--json", "list", "--store", "/s", "--quiet"}}) {
    const CommandLine line = parse(args);
    CHECK(line.global.store == "/s");
    CHECK(line.global.json);
    CHECK(line.global.quiet);
    CHECK(line.run);
  }
}

TEST_CASE("of two stores the last one counts") {
  CHECK(parse({"--store", "a", "--store", "b", "list"}).global.store == "b");
  CHECK(parse({"--store", "a", "list", "--store", "b"}).global.store == "b");
}

TEST_CASE("every command has a help with an example, and the program lists them all") {
  const std::string all = parse({"--help"}).text;
  for (const std::string& command : kCommands) {
    CAPTURE(command);
    CHECK(all.find("\n  " + command + " ") != std::string::npos);
    for (const char* flag : {"-h", "--help"}) {
      const CommandLine line = parse({command, flag});
      CHECK_FALSE(line.run);
      CHECK(line.text.find("Usage: pfcache " + command) != std::string::npos);
      CHECK(line.text.find("Example:\n  pfcache ") != std::string::npos);
    }
  }
}

TEST_CASE("the help fits a terminal") {
  for (const std::string& command : kCommands) {
    const std::string text = parse({command, "--help"}).text;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      INFO(text.substr(at, end - at));
      CHECK(end - at <= 84);
      at = end + 1;
    }
  }
}

TEST_CASE("commands that come later are not known") {
  for (const char* name : {"push", "pull"}) {
    CAPTURE(name);
    CHECK(run_in({}, {name}).status == 2);
    CHECK(run_in({}, {name}).err.find("there is no command") != std::string::npos);
    CHECK(parse({"--help"}).text.find("\n  " + std::string(name) + " ") == std::string::npos);
  }
}

TEST_CASE("a wrong line ends with status 2 and one line that says what is wrong") {
  const pfcache::test::WrongUsage wrong = {
      {{}, "expected a command"},
      {{"capture"}, "SOURCE is required"},
      {{"capture", ""}, "SOURCE"},
      {{"capture", "a", "b"}, "'b'"},
      {{"capture", "a", "--nope"}, "'--nope'"},
      {{"capture", "a", "--name"}, "--name"},
      {{"capture", "a", "--name="}, "--name="},
      {{"capture", "a", "--name", ".hidden"}, "'.hidden'"},
      {{"capture", "a", "--name", "a/b"}, "'a/b'"},
      {{"capture", "a", "--name", "x", "--name", "y"}, "--name"},
      {{"capture", "a", "--threads", "-1"}, "'-1'"},
      {{"capture", "a", "--threads", "1025"}, "at most 1024"},
      {{"capture", "a", "--memory-limit", "lots"}, "'lots'"},
      {{"capture", "synthetic:3"}, "synthetic:PAGES:SEED"},
      {{"capture", "synthetic:x:0"}, "PAGES"},
      {{"capture", "synthetic:3:-1"}, "SEED"},
      {{"capture", "synthetic:4294967296:0"}, "PAGES"},
      {{"capture", "synthetic:1:1", "--dtype", "int4"}, "'int4'"},
      {{"capture", "synthetic:1:1", "--content", "zeros"}, "'zeros'"},
      {{"restore", "a"}, "DEST is required"},
      {{"restore", "a", ""}, "DEST"},
      {{"restore", "a", "b", "--as", "tar"}, "'tar'"},
      {{"diff", "a"}, "B is required"},
      {{"name", "a", "bad name"}, "'bad name'"},
      {{"name", "a", std::string(64, 'a')}, "NAME"},
      {{"init", "--profile", "best"}, "'best'"},
      {{"verify", "[]"}, "'[]'"},
      {{"list", "--store", ""}, "--store"},
      {{"list", "--json=maybe"}, "--json"},
      {{"LIST"}, "'LIST'"},
      {{"prompt"}, "expected a command; see 'pfcache prompt --help'"},
      {{"prompt", "nope"}, "there is no command 'prompt nope'"},
      {{"prompt", "get"}, "KEY is required"},
      {{"prompt", "get", "../x"}, "'../x'"},
      {{"prompt", "get", std::string(39, 'a')}, "40 lower-case hex digits"},
      {{"prompt", "get", std::string(41, 'a')}, "40 lower-case hex digits"},
      {{"prompt", "get", std::string(40, 'A')}, "40 lower-case hex digits"},
      {{"prompt", "evict", "--budget", "1M"}, "at least 64MiB"},
      {{"prompt", "evict", "--policy", "fifo"}, "'fifo'"},
      {{"prompt", "put", "--reason", "bored"}, "'bored'"},
      {{"prompt", "put", "--quant", "256"}, "--quant"},
      {{"prompt", "put", "--dedup", "maybe"}, "'maybe'"},
  };
  pfcache::test::check_wrong_usage({}, wrong);
}

TEST_CASE("the commands of prompts are found behind their group") {
  CHECK(parse({"--json", "prompt", "--quiet", "list", "--store", "/s"}).run);
  CHECK(parse({"prompt", "list", "--help"}).text.find("Usage: pfcache prompt list") != std::string::npos);
  for (const char* name : {"put", "get", "find", "list", "evict"}) {
    CHECK(parse({"prompt", "--help"}).text.find("\n  " + std::string(name) + " ") != std::string::npos);
    CHECK(parse({"prompt", name, "--help"}).text.find("Example:\n  pfcache prompt ") != std::string::npos);
  }
}

TEST_CASE("a name that is called like a command is no command") {
  CHECK(parse({"name", "list", "show"}).run);
  CHECK(parse({"show", "verify"}).run);
  CHECK(parse({"verify", "list", "stats"}).run);
}

TEST_CASE("what follows -- is no option") {
  CHECK(parse({"capture", "--", "-x"}).run);
  CHECK(parse({"restore", "--", "a", "--b="}).run);
  CHECK(parse({"verify", "--", "-x"}).run);
}

TEST_CASE("the version is printed before and after a command") {
  CHECK(run_in({}, {"--version"}).out == "pfcache " PFCACHE_VERSION "\n");
  CHECK(run_in({}, {"capture", "--version"}).out == "pfcache " PFCACHE_VERSION "\n");
  CHECK(run_in({}, {"--json", "--version"}).out == "{\"version\":\"" PFCACHE_VERSION "\"}\n");
  CHECK(run_in({}, {"--version"}).status == 0);
}

TEST_CASE("with --json an error is a record as well") {
  const auto result = run_in({}, {"--json", "nope"});
  CHECK(result.status == 2);
  CHECK(result.out ==
        "{\"error\":{\"message\":\"there is no command 'nope'; see 'pfcache --help'\",\"code\":\"invalid argument\","
        "\"exit_status\":2}}\n");
  CHECK(result.err == "pfcache: there is no command 'nope'; see 'pfcache --help'\n");
}

TEST_CASE("a command line above the limit is refused") {
  const std::string huge(cli::kMaxCommandLineBytes + 1, 'x');
  CHECK_THROWS_WITH_AS(parse({"capture", huge}), "the command line is too long: invalid argument", Error);
}
