#include "config/toml_reader.hpp"

#include <doctest/doctest.h>

#include <tuple>

#include "support/failure.hpp"

namespace pfcache::test {
namespace {

TEST_CASE("tables and dots make one key, with the line it stands in") {
  const auto entries = read_toml("[prompt]\nbudget = \"8GiB\"\ndedup = true\n\n[mount]\nthreads = 4\n", "x");
  REQUIRE(entries.size() == 3);
  CHECK(entries[0].key == "prompt.budget");
  CHECK(std::get<std::string>(entries[0].value) == "8GiB");
  CHECK(entries[0].line == 2);
  CHECK(std::get<bool>(entries[1].value));
  CHECK(entries[2].key == "mount.threads");
  CHECK(std::get<std::int64_t>(entries[2].value) == 4);
  CHECK(entries[2].line == 6);
  CHECK(read_toml("warm.ttl = \"1d\"", "x").at(0).key == "warm.ttl");
}

TEST_CASE("keys come in the order of their lines") {
  const auto entries = read_toml("z = 1\na = 2\n", "x");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].key == "z");
}

TEST_CASE("a value that no setting can be is there without one") {
  for (const char* text : {"a = 1.5", "a = 2020-01-01", "a = [1]", "[a]", "a = {}"}) {
    CAPTURE(text);
    const auto entries = read_toml(text, "x");
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].key == "a");
    CHECK(std::holds_alternative<std::monostate>(entries[0].value));
  }
}

TEST_CASE("a key with a dot inside quotes is not taken for a table's") {
  CHECK(read_toml("\"prompt.budget\" = 1", "x").at(0).key == "\"prompt.budget\"");
}

TEST_CASE("what is not TOML is refused, with the file and the line") {
  for (const char* text : {"a = ", "a", "[a", "a = 1\na = 2", "\xff"}) {
    CAPTURE(text);
    const auto failure = failure_of([&] { std::ignore = read_toml(text, "config.toml"); });
    CHECK(failure.code == Errc::malformed);
    CHECK_MESSAGE(failure.what.starts_with("config.toml: line "), failure.what);
  }
}

}  // namespace
}  // namespace pfcache::test
