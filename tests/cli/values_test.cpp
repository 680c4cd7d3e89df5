#include "cli/values.hpp"

#include <doctest/doctest.h>

#include "pfcache/error.hpp"

using namespace pfcache;
using namespace pfcache::cli;

TEST_CASE("what is no size is refused by the name of its argument") {
  CHECK(parse_size("--x", "4GiB") == std::uint64_t{4} << 30);
  CHECK_THROWS_WITH_AS(static_cast<void>(parse_size("--x", "lots")),
                       "--x: expected a size such as 4096, 512M or 4GiB, found 'lots': invalid argument", Error);
}

TEST_CASE("numbers are decimal and bounded") {
  CHECK(parse_u32("--x", "4294967295") == 4294967295U);
  CHECK(parse_threads("1024") == 1024);
  for (const char* text : {"", "4294967296", "-0", "1e3", "7 ", "\t7"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(static_cast<void>(parse_u32("--x", text)), Error);
  }
}

TEST_CASE("a synthetic source has pages and a seed") {
  const auto source = parse_synthetic("synthetic:8:18446744073709551615");
  REQUIRE(source);
  CHECK(source->pages == 8);
  CHECK(source->seed == 18446744073709551615ULL);
  CHECK_FALSE(parse_synthetic("./synthetic:8:99"));
  CHECK_FALSE(parse_synthetic("synthetic"));
  for (const char* text : {"synthetic:", "synthetic:8", "synthetic::", "synthetic:8:", "synthetic:8:9:1"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(static_cast<void>(parse_synthetic(text)), Error);
  }
}
