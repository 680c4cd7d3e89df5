#include "config/store_file.hpp"

#include <doctest/doctest.h>

#include <tuple>

#include "support/failure.hpp"

namespace pfcache::test {
namespace {

TEST_CASE("a store's file says what the store is, and brings settings") {
  const StoreFile file = read_store_file(
      "format = 1\nprofile = 'pf-core'\nadopted = true\nstaging_keep = \"7d\"\n[prompt]\nbudget = \"1GiB\"\n",
      "config");
  CHECK(file.profile == "pf-core");
  CHECK(file.adopted);
  CHECK(file.layer.problems.empty());
  CHECK(file.layer.values.at(Setting::staging_keep).text == "7d");
  const ConfigValue& budget = file.layer.values.at(Setting::prompt_budget);
  CHECK(budget.text == "1GiB");
  CHECK((budget.layer == ConfigLayer::store));
  CHECK(budget.source == "config");
  CHECK(budget.line == 6);
}

TEST_CASE("a store can't say where the store is") {
  const StoreFile file = read_store_file("format = 1\nstore = \"/elsewhere\"\n", "config");
  REQUIRE(file.layer.problems.size() == 1);
  CHECK(file.layer.problems[0].message == "config: line 2: 'store' has no meaning in a store's own file");
  CHECK(file.layer.values.empty());
}

TEST_CASE("what a store's file is near to is suggested, its own keys among it") {
  const StoreFile file = read_store_file("format = 1\nprofil = \"auto\"\nprompt.bugdet = 1\n", "config");
  REQUIRE(file.layer.problems.size() == 2);
  CHECK(file.layer.problems[0].message == "config: line 2: unknown key 'profil'; did you mean 'profile'?");
  CHECK(file.layer.problems[1].message == "config: line 3: unknown key 'prompt.bugdet'; did you mean 'prompt.budget'?");
}

TEST_CASE("a newer format is unsupported, whatever else stands there") {
  CHECK(failure_of([] { std::ignore = read_store_file("format = 2\nnews = 1", "config"); }).code == Errc::unsupported);
  CHECK(failure_of([] { std::ignore = read_store_file("news = 1", "config"); }).code == Errc::malformed);
}

}  // namespace
}  // namespace pfcache::test
