#include "pfcache/duration.hpp"

#include <doctest/doctest.h>

namespace pfcache::test {
namespace {

using std::chrono::seconds;

TEST_CASE("a length of time is a number and a unit, and 0 needs none") {
  CHECK(parse_duration("0") == seconds(0));
  CHECK(parse_duration("0h") == seconds(0));
  CHECK(parse_duration("90s") == seconds(90));
  CHECK(parse_duration("15m") == seconds(900));
  CHECK(parse_duration("1h") == seconds(3600));
  CHECK(parse_duration("7d") == seconds(7 * 86'400));
  CHECK(parse_duration("36525d") == kMaxDuration);
}

TEST_CASE("anything else is no length of time") {
  for (const char* text : {"", "h", "1", "-1h", "+1h", " 1h", "1 h", "1h ", "1.5h", "1hh", "1w", "0x1h", "36526d",
                           "99999999999999999999s", "9223372036854775807d"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text).has_value());
  }
}

TEST_CASE("what is written is read as the same") {
  CHECK(duration_text(seconds(3600)) == "1h");
  CHECK(duration_text(seconds(86'400)) == "1d");
  CHECK(duration_text(seconds(90)) == "90s");
  for (const int count : {0, 1, 59, 60, 61, 3600, 7200, 86'400, 90'000, 100'000'000}) {
    CHECK(parse_duration(duration_text(seconds(count))) == seconds(count));
  }
}

}  // namespace
}  // namespace pfcache::test
