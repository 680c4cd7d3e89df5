#include "cli/session.hpp"

#include <doctest/doctest.h>

#include <map>
#include <sstream>

#include "pfcache/error.hpp"

using namespace pfcache;
using namespace pfcache::cli;

namespace {

using Variables = std::map<std::string, std::string>;

std::string store_of(std::optional<std::string> flag, const Variables& variables, bool is_root = false) {
  std::ostringstream out;
  Environment environment{.out = out,
                          .err = out,
                          .variable = [&](const std::string& name) -> std::optional<std::string> {
                            const auto found = variables.find(name);
                            return found == variables.end() ? std::nullopt : std::optional(found->second);
                          },
                          .is_root = is_root,
                          .root = "/nonexistent"};
  return Session({.store = std::move(flag)}, environment).store_path().native();
}

}  // namespace

TEST_CASE("the store is the flag's, then $PFCACHE_STORE's, then the user's own") {
  const Variables all = {{"PFCACHE_STORE", "/env"}, {"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/u"}};
  CHECK(store_of("flag", all) == "flag");
  CHECK(store_of(std::nullopt, all) == "/env");
  CHECK(store_of(std::nullopt, all, true) == "/env");
  CHECK(store_of(std::nullopt, {{"XDG_DATA_HOME", "/xdg"}, {"HOME", "/home/u"}}) == "/xdg/pfcache");
  CHECK(store_of(std::nullopt, {{"HOME", "/home/u"}}) == "/home/u/.local/share/pfcache");
  CHECK(store_of(std::nullopt, {{"XDG_DATA_HOME", "/xdg"}, {"HOME", "/root"}}, true) == "/var/lib/pfcache");
}

TEST_CASE("an empty variable counts as unset, and so does a relative $XDG_DATA_HOME") {
  CHECK(store_of(std::nullopt, {{"PFCACHE_STORE", ""}, {"HOME", "/h"}}) == "/h/.local/share/pfcache");
  CHECK(store_of(std::nullopt, {{"XDG_DATA_HOME", "data"}, {"HOME", "/h"}}) == "/h/.local/share/pfcache");
}

TEST_CASE("without any of them the command line is wrong") { CHECK_THROWS_AS(store_of(std::nullopt, {}), Error); }
