#include "warm/run_record.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/failure.hpp"

namespace pfcache::test {
namespace {

WarmRun sample() {
  WarmRun about;
  about.objective = 1.5;
  about.iteration = 7;
  about.kind = EntryKind::final;
  about.written_unix_secs = 1700000000;
  about.written_nanos = 5;
  about.checksum = Digest::parse(std::string(64, 'a'));
  about.payload_bytes = 10;
  return about;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("the record is written with gam's keys, in gam's order and layout") {
  const std::string expected =
      "{\n  \"schema_version\": 1,\n  \"written_unix_secs\": 1700000000,\n  \"written_nanos\": 5,\n"
      "  \"objective\": 1.5,\n  \"iteration\": 7,\n  \"kind\": \"Final\",\n  \"checksum_hex\": \"" +
      std::string(64, 'a') + "\",\n  \"payload_bytes\": 10\n}";
  CHECK(to_json(sample()) == expected);
}

TEST_CASE("nan_objective_is_null") {
  for (const double number :
       {std::nan(""), std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity()}) {
    WarmRun about = sample();
    about.objective = number;
    about.iteration.reset();
    const std::string json = to_json(about);
    CHECK(json.find("\"objective\": null,\n  \"iteration\": null,") != std::string::npos);
    CHECK_FALSE(parse_run_record(json, "record").objective);
    CHECK_FALSE(parse_run_record(json, "record").iteration);
  }
}

TEST_CASE("every finite objective comes back bit by bit") {
  for (const double number : {0.0, -0.0, 0.1, -1.0 / 3, 1e300, 5e-324, 4503599627370497.5, 123456789012345680.0}) {
    WarmRun about = sample();
    about.objective = number;
    const auto again = parse_run_record(to_json(about), "record").objective;
    REQUIRE(again);
    CHECK(*again == number);
    CHECK(std::signbit(*again) == std::signbit(number));
  }
}

TEST_CASE("a record reads back the same") {
  const WarmRun about = parse_run_record(to_json(sample()), "record");
  CHECK(about.objective == 1.5);
  CHECK(about.iteration == 7);
  CHECK(about.kind == EntryKind::final);
  CHECK(about.written_unix_secs == 1700000000);
  CHECK(about.written_nanos == 5);
  CHECK(about.checksum == sample().checksum);
  CHECK(about.payload_bytes == 10);
}

TEST_CASE("what gam left out in older versions, and what it may add, is no fault") {
  std::string json = replaced(to_json(sample()), "\"written_nanos\": 5,", "\"added\": [1],");
  json = replaced(json, "\"objective\": 1.5,", "");
  json = replaced(json, "\"iteration\": 7,", "");
  const WarmRun about = parse_run_record(json, "record");
  CHECK(about.written_nanos == 0);
  CHECK_FALSE(about.objective);
  CHECK_FALSE(about.iteration);
}

TEST_CASE("what is no record is malformed, and says where") {
  const std::string json = to_json(sample());
  const std::pair<std::string, std::string> wrong[] = {
      {"", "empty"},
      {"{not valid json", "not JSON"},
      {"[]", "an object"},
      {json + "}", "not JSON"},
      {replaced(json, "\"schema_version\": 1,", ""), "'schema_version'"},
      {replaced(json, "\"schema_version\": 1,", "\"schema_version\": \"1\","), "'schema_version'"},
      {replaced(json, "1700000000", "-1"), "'written_unix_secs'"},
      {replaced(json, "\"written_nanos\": 5", "\"written_nanos\": 1000000000"), "'written_nanos'"},
      {replaced(json, "1.5", "\"1.5\""), "'objective'"},
      {replaced(json, "1.5", "1e999"), "not JSON"},
      {replaced(json, "\"iteration\": 7", "\"iteration\": 7.5"), "'iteration'"},
      {replaced(json, "Final", "final"), "'kind'"},
      {replaced(json, std::string(64, 'a'), std::string(63, 'a')), "'checksum_hex'"},
      {replaced(json, std::string(64, 'a'), std::string(64, 'A')), "'checksum_hex'"},
      {replaced(json, std::string(64, 'a'), std::string("sha256:") + std::string(64, 'a')), "'checksum_hex'"},
      {replaced(json, "\"payload_bytes\": 10", "\"payload_bytes\": -10"), "'payload_bytes'"},
      {replaced(json, "\"iteration\": 7", "\"iteration\": 7, \"iteration\": 8"), "appears twice"},
  };
  for (const auto& [json_text, expected] : wrong) {
    const std::string& text = json_text;  // clang 14 captures no structured binding
    CAPTURE(text);
    const Failure failure = failure_of([&] { std::ignore = parse_run_record(text, "record"); });
    CHECK(failure.code == Errc::malformed);
    INFO(failure.what);
    CHECK(failure.what.find(expected) != std::string::npos);
  }
}

TEST_CASE("another schema is unsupported, whatever its other fields are") {
  const Failure failure =
      failure_of([] { std::ignore = parse_run_record("{\"schema_version\": 2, \"kind\": 5}", "record"); });
  CHECK(failure.code == Errc::unsupported);
}

}  // namespace
}  // namespace pfcache::test
