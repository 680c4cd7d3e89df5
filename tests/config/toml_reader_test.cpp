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
  for (const char* text : {"a = 1.5", "a = 2020-01-01", "a = [1]", "[[a]]"}) {
    CAPTURE(text);
    const auto entries = read_toml(text, "x");
    REQUIRE(entries.size() == 1);
    CHECK(entries[0].key == "a");
    CHECK(std::holds_alternative<std::monostate>(entries[0].value));
  }
  for (const char* text : {"[a]", "a = {}"}) {
    CHECK(std::holds_alternative<TomlEmptyTable>(read_toml(text, "x").at(0).value));
  }
}

TEST_CASE("keys of very many parts are told of, and don't end the program") {
  const auto of_parts = [](int parts) {
    std::string key = "a";
    for (int i = 1; i < parts; ++i) key += ".a";
    return key;
  };
  const auto entries = read_toml(of_parts(kMaxKeyParts + 5) + " = 1\n[b." + of_parts(200) + "]\nb = 1", "x");
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].key == of_parts(kMaxKeyParts));
  for (const std::string& text : {of_parts(32'000) + " = 1", "\n[" + of_parts(32'000) + "]"}) {
    const auto failure = failure_of([&] { std::ignore = read_toml(text, "x"); });
    CHECK(failure.code == Errc::malformed);
    CHECK(failure.what.find(": more than 256 dots") != std::string::npos);
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
