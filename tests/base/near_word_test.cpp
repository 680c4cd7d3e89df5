#include "pfcache/near_word.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

namespace pfcache::test {
namespace {

constexpr std::array<std::string_view, 4> kWords = {"hot_size", "passthrough", "threads", "ro"};

TEST_CASE("a word with a slip of the finger is near") {
  for (const char* text : {"hotsize", "hot_sise", "hot_siez", "hot_sizes", "hot_size"}) {
    CAPTURE(text);
    CHECK(near_word(text, kWords) == "hot_size");
  }
  CHECK(near_word("passtrough", kWords) == "passthrough");
  CHECK(near_word("rw", kWords) == "ro");
}

TEST_CASE("another word is not") {
  for (const char* text : {"", "verify", "th", "size", "abc"}) {
    CAPTURE(text);
    CHECK_FALSE(near_word(text, kWords).has_value());
  }
  CHECK_FALSE(near_word("x", {}).has_value());
}

TEST_CASE("of several the nearest is meant, of equally near ones the first") {
  constexpr std::array<std::string_view, 3> kAlike = {"prompt.budgets", "warm.budget", "prompt.budget"};
  CHECK(near_word("prompt.budgt", kAlike) == "prompt.budget");
  constexpr std::array<std::string_view, 2> kEqual = {"cat", "car"};
  CHECK(near_word("caz", kEqual) == "cat");
}

TEST_CASE("words of any length are looked at safely") {
  const std::string longest(kMaxNearWordChars, 'a');
  const std::string longer = longest + "a";
  const std::array<std::string_view, 2> words = {longer, longest};
  CHECK(near_word(longest, words) == longest);
  CHECK_FALSE(near_word(longer, words).has_value());
}

}  // namespace
}  // namespace pfcache::test
