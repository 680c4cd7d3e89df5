#include "cli/completion.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "cli/runner.hpp"

using namespace pfcache::cli;
using pfcache::test::Runner;

namespace {

Completion typed(const std::vector<std::string>& words) { return complete(command_tree(), words); }

std::vector<std::string> texts(const std::vector<std::string>& words) {
  std::vector<std::string> found;
  for (const Candidate& candidate : typed(words).candidates) found.push_back(candidate.text);
  return found;
}

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

TEST_CASE("commands are offered, and those of a group behind it") {
  CHECK(texts({"re"}) == std::vector<std::string>{"restore", "remove", "repack"});
  CHECK(texts({"--json", "doc"}) == std::vector<std::string>{"doctor"});
  CHECK(texts({"prompt", ""}) == std::vector<std::string>{"put", "get", "find", "list", "evict"});
  CHECK(texts({"nosuch", "re"}) == std::vector<std::string>{"restore", "remove", "repack"});
  CHECK(has(texts({}), "init"));
  CHECK_FALSE(has(texts({""}), "complete"));
}

TEST_CASE("options are those of the command") {
  CHECK(texts({"gc", "--d"}) == std::vector<std::string>{"--dry-run"});
  CHECK(has(texts({"gc", "-"}), "--store"));
  CHECK(has(texts({"-"}), "--json"));
  CHECK_FALSE(has(texts({"gc", "-"}), "--name"));
  CHECK(has(texts({"prompt", "put", "--"}), "--text"));
  CHECK(texts({"gc", "--", "--d"}).empty());
}

TEST_CASE("values are words, files or directories") {
  CHECK(texts({"init", "--profile", "p"}) == std::vector<std::string>{"pf-core"});
  CHECK(texts({"init", "--profile", "=", "p"}) == std::vector<std::string>{"pf-core"});
  CHECK((typed({"--store", ""}).expected == Expected::directories));
  CHECK((typed({"prompt", "put", "--text", ""}).expected == Expected::files));
  CHECK((typed({"gc", "--grace", ""}).expected == Expected::words));
}

TEST_CASE("arguments are snapshots, names, files or settings, in their places") {
  CHECK((typed({"restore", ""}).expected == Expected::snapshots));
  CHECK((typed({"restore", "chat", ""}).expected == Expected::files));
  CHECK((typed({"restore", "chat", "dest", ""}).expected == Expected::words));
  CHECK((typed({"verify", "a", "b", ""}).expected == Expected::snapshots));
  CHECK((typed({"capture", ""}).expected == Expected::files));
  CHECK((typed({"unname", ""}).expected == Expected::names));
  CHECK((typed({"config", ""}).expected == Expected::settings));
  CHECK((typed({"fetch", "--threads", "2", ""}).expected == Expected::snapshots));
}

TEST_CASE("the store of the line is where names come from") {
  CHECK(typed({"--store", "/s", "restore", ""}).store == "/s");
  CHECK(typed({"restore", "--store=/s", ""}).store == "/s");
  CHECK_FALSE(typed({"restore", ""}).store);
  const Runner runner;
  runner.must({"capture", "synthetic:2:0", "--name", "chat"});
  CHECK(runner.run({"complete", "--", "restore", "ch"}).out == "words\nchat\tsnapshot a7e58d925525\n");
  CHECK(runner.run({"complete", "--", "unname", ""}).out == "words\nchat\tsnapshot a7e58d925525\n");
  CHECK(runner.run({"complete", "--", "show", "a7"}).out.find(pfcache::test::kG1) != std::string::npos);
  CHECK(runner.run({"complete", "--", "--store", "/nonexistent", "show", ""}).out == "words\n");
  CHECK(runner.run({"complete", "--", "config", "warm.t"}).out == "words\nwarm.ttl\tsetting\n");
  CHECK(runner.run({"complete", "--", "capture", ""}).out == "files\n");
}

TEST_CASE("every command of the help is in the tree, with its options") {
  const CommandShape tree = command_tree();
  CHECK(tree.commands.size() >= 20);
  for (const CommandShape& command : tree.commands) {
    CAPTURE(command.name);
    CHECK_FALSE(command.summary.empty());
    const std::string help = parse_command_line(std::vector<std::string>{command.name, "--help"}).text;
    for (const OptionShape& option : command.options) CHECK(help.find(option.name) != std::string::npos);
  }
}
