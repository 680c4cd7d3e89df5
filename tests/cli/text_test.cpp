#include "cli/text.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <limits>

using namespace pfcache::cli;

TEST_CASE("sizes have one decimal and a binary unit") {
  CHECK(human_bytes(0) == "0 B");
  CHECK(human_bytes(1023) == "1023 B");
  CHECK(human_bytes(1024) == "1.0 KiB");
  CHECK(human_bytes(1536) == "1.5 KiB");
  CHECK(human_bytes((1U << 20) - 1) == "1.0 MiB");
  CHECK(human_bytes(std::uint64_t{5} << 30) == "5.0 GiB");
  CHECK(human_bytes(std::numeric_limits<std::uint64_t>::max()) == "16.0 EiB");
}

TEST_CASE("a number without a nearest whole one becomes what is closest to it") {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  CHECK(nearest_whole(2.4) == 2);
  CHECK(nearest_whole(2.5) == 3);
  for (const double beyond : {0x1p64, 1.84467e+22, kInfinity}) CHECK(nearest_whole(beyond) == kMost);
  for (const double none : {-1.0, -kInfinity, std::numeric_limits<double>::quiet_NaN()})
    CHECK(nearest_whole(none) == 0);
}

TEST_CASE("times are UTC in ISO form, and unknown ones a dash") {
  CHECK(utc_time(1700000000) == "2023-11-14T22:13:20Z");
  CHECK(utc_time(0) == "-");
  CHECK(utc_time(std::numeric_limits<std::int64_t>::max()) == "-");
}

TEST_CASE("ratios without a meaning are a dash") {
  CHECK(ratio(5, 2) == "2.50x");
  CHECK(ratio(5, 0) == "-");
  CHECK(ratio(0, 5) == "-");
}

TEST_CASE("control characters don't reach the terminal") {
  CHECK(printable("a\x1b[31mb\n\x7f") == "a\\x1b[31mb\\x0a\\x7f");
  CHECK(printable("\xC2\x9B"
                  "1m") == "\\xc2\\x9b1m");
  CHECK(printable("h\xC3\xA9\xC2\xA0") == "h\xC3\xA9\xC2\xA0");
}

TEST_CASE("what is not UTF-8 is replaced") {
  CHECK(as_utf8("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") == "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80");
  CHECK(as_utf8("\xFF") == "\xEF\xBF\xBD");
  CHECK(as_utf8("\xC0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD");                                    // overlong
  CHECK(as_utf8("\xED\xA0\x80") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");                    // a surrogate
  CHECK(as_utf8("\xE2\x82") == "\xEF\xBF\xBD\xEF\xBF\xBD");                                    // cut short
  CHECK(as_utf8("\xF4\x90\x80\x80z") == "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBDz");  // beyond U+10FFFF
}

TEST_CASE("tables are aligned and have no trailing blanks") {
  CHECK(table({"A", ">NUM", "LAST"}, {{"xx", "7", ""}, {"y", "12345", "z"}}) ==
        "A     NUM  LAST\n"
        "xx      7\n"
        "y   12345  z\n");
  CHECK(table({"A"}, {}) == "A\n");
}
