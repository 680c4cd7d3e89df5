#include "cli/program.hpp"

#include <doctest/doctest.h>

using pfcache::cli::output_of;

TEST_CASE("a program's output is read") {
  CHECK(output_of({"echo", "two words"}) == "two words\n");
  CHECK(output_of({"true"}) == "");
}

TEST_CASE("a program that is absent or fails has none") {
  CHECK_FALSE(output_of({"no-such-program-of-pfcache"}));
  CHECK_FALSE(output_of({"false"}));
}

TEST_CASE("a program that prints without end is left alone") { CHECK_FALSE(output_of({"yes"})); }
