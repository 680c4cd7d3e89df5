#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "base/json_reader.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache::test {
namespace {

std::string string_of(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

TEST_CASE("strings escape quotes, backslashes and control characters, and nothing else") {
  CHECK(string_of("") == R"("")");
  CHECK(string_of("\"\\\b\f\n\r\t") == R"("\"\\\b\f\n\r\t")");
  CHECK(string_of(std::string_view("\0\x01\x0b\x1f", 4)) == R"("\u0000\u0001\u000b\u001f")");
  CHECK(string_of("a/b é 漢 \x7f") == "\"a/b é 漢 \x7f\"");
}

TEST_CASE("the writer is compact, keeps the order and places the commas") {
  JsonWriter json;
  json.begin_object().field("z", 1).key("a").begin_array().value("x").value(true).null().begin_object().end_object();
  json.begin_array().end_array().end_array().field("last", std::uint64_t{18446744073709551615U}).end_object();
  CHECK(json.text() == R"({"z":1,"a":["x",true,null,{},[]],"last":18446744073709551615})");
}

TEST_CASE("the writer lays out for people with two spaces a level, and keeps what is empty together") {
  JsonWriter json(JsonWriter::Layout::two_spaces);
  json.begin_object().field("a", 1).key("list").begin_array().value(2).begin_object().end_object().end_array();
  json.key("none").begin_array().end_array().key("inner").begin_object().key("x").null().end_object().end_object();
  CHECK(
      json.text() ==
      "{\n  \"a\": 1,\n  \"list\": [\n    2,\n    {}\n  ],\n  \"none\": [],\n  \"inner\": {\n    \"x\": null\n  }\n}");
  CHECK(JsonWriter(JsonWriter::Layout::two_spaces).value("alone").text() == "\"alone\"");
}

TEST_CASE("optional numbers are nothing when missing or null, and read back bit by bit") {
  const double numbers[] = {0.0,
                            -0.0,
                            0.1,
                            1.0 / 3,
                            1e20,
                            -1e15,
                            1e16,
                            123456789012345680.0,
                            5e-324,
                            std::numeric_limits<double>::max(),
                            std::numeric_limits<double>::lowest()};
  for (const double number : numbers) {
    const std::string text = JsonWriter().begin_object().field("n", number).end_object().take();
    CAPTURE(text);
    const JsonDocument document(text, "thing");
    const auto found = document.root().optional_f64("n");
    REQUIRE(found);
    CHECK(std::bit_cast<std::uint64_t>(*found) == std::bit_cast<std::uint64_t>(number));
  }
  const JsonDocument document(R"({"null":null,"text":"1","below":-1,"big":18446744073709551615})", "thing");
  const JsonObject root = document.root();
  CHECK_FALSE(root.optional_f64("null"));
  CHECK_FALSE(root.optional_f64("absent"));
  CHECK_FALSE(root.optional_u64("null"));
  CHECK_FALSE(root.optional_u64("absent"));
  CHECK(root.optional_u64("big") == 18446744073709551615U);
  CHECK_THROWS_WITH_AS(std::ignore = root.optional_f64("text"),
                       "thing: field 'text': expected a number or null, found \"1\": malformed", Error);
  CHECK_THROWS_AS(std::ignore = root.optional_u64("below"), Error);
}

TEST_CASE("numbers are written so that they read back the same, and what is no number is null") {
  const auto written = [](double number) {
    JsonWriter json;
    json.value(number);
    return json.take();
  };
  CHECK(written(0.5) == "0.5");
  CHECK(std::stod(written(0.1)) == 0.1);
  CHECK(std::stod(written(1.0 / 3)) == 1.0 / 3);
  CHECK(written(std::nan("")) == "null");
  CHECK(written(std::numeric_limits<double>::infinity()) == "null");
  JsonWriter json;
  json.value(std::numeric_limits<std::int64_t>::min());
  CHECK(json.text() == "-9223372036854775808");
}

// What reading `text` is refused with.
template <typename Read>
std::string refusal_of(std::string_view text, Read&& read) {
  try {
    const JsonDocument document(text, "thing");
    read(document.root());
  } catch (const Error& error) {
    CHECK(error.code() == Errc::malformed);
    return error.what();
  }
  FAIL("expected an Error for ", text);
  return {};
}

TEST_CASE("fields are read by name, in any order, with white space and unknown ones around them") {
  const std::string text = R"( { "b" : true , "unknown" : {"x":[1]},"n":4294967295,
      "big":18446744073709551615,"neg":-5,"s":"\u00e9\n","nothing":null,"list":[1,2,3],"objects":[{"i":7},{"i":8}]} )";
  const JsonDocument document(text, "thing");
  const JsonObject root = document.root();
  CHECK(root.boolean("b"));
  CHECK(root.u32("n") == 4294967295U);
  CHECK(root.u64("big") == 18446744073709551615U);
  CHECK(root.i64("neg") == -5);
  CHECK(root.text("s") == "é\n");
  CHECK(root.has("nothing"));
  CHECK_FALSE(root.has("absent"));
  CHECK(root.array("list").u32s() == std::vector<std::uint32_t>{1, 2, 3});
  CHECK(root.array("list").u64s() == std::vector<std::uint64_t>{1, 2, 3});
  std::vector<std::uint32_t> found;
  root.array("objects").for_each_object([&](const JsonObject& object) { found.push_back(object.u32("i")); });
  CHECK(found == std::vector<std::uint32_t>{7, 8});
}

TEST_CASE("text that is not one JSON value is refused") {
  for (const char* text : {"", " ", "{", "{}}", "{} {}", "{}x", "{'a':1}", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":01}",
                           "{\"a\":nan}", "\xff", "{\"a\":\"\n\"}", "[1", "// no\n{}"}) {
    CAPTURE(std::string(text));
    CHECK(refusal_of(text, [](const JsonObject&) {}).find("thing") != std::string::npos);
  }
}

TEST_CASE("a value that is not an object is refused as one") {
  for (const char* text : {"[]", "1", "\"x\"", "null"}) {
    CAPTURE(std::string(text));
    CHECK(refusal_of(text, [](const JsonObject&) {}).find("expected an object") != std::string::npos);
  }
}

TEST_CASE("a missing field and one of another type are refused by name, with what was found") {
  const auto refused = [](std::string_view text, auto read) { return refusal_of(text, read); };
  const auto contains = [](const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  };
  const auto u32 = [](const JsonObject& object) { std::ignore = object.u32("n"); };
  CHECK(contains(refused("{}", u32), "field 'n' is missing"));
  for (const char* value : {"4294967296", "-1", "1.5", "1e3", "\"1\"", "null", "[]", "true", "99999999999999999999"}) {
    CAPTURE(std::string(value));
    const std::string what = refused(std::string("{\"n\":") + value + "}", u32);
    CAPTURE(what);
    CHECK(contains(what, "field 'n'"));
    CHECK(contains(what, "integer"));
  }
  CHECK(contains(refused(R"({"n":"found"})", u32), "\"found\""));
  CHECK(contains(refused(R"({"n":1})", [](const JsonObject& o) { std::ignore = o.text("n"); }), "expected a string"));
  CHECK(contains(refused(R"({"n":1})", [](const JsonObject& o) { std::ignore = o.boolean("n"); }), "true or false"));
  CHECK(contains(refused(R"({"n":-1})", [](const JsonObject& o) { std::ignore = o.u64("n"); }), "field 'n'"));
  CHECK(contains(refused(R"({"n":{}})", [](const JsonObject& o) { std::ignore = o.array("n"); }), "an array"));
  CHECK(contains(refused(R"({"n":[1,-2]})", [](const JsonObject& o) { std::ignore = o.array("n").u32s(); }),
                 "element 1"));
}

TEST_CASE("an error deep inside names the place") {
  const std::string what = refusal_of(R"({"pages":[{"ix":1},{"ix":"x"}]})", [](const JsonObject& root) {
    root.array("pages").for_each_object([](const JsonObject& page) { std::ignore = page.u32("ix"); });
  });
  CHECK(what.find("thing: pages[1]") != std::string::npos);
}

TEST_CASE("a key that appears twice is refused, among few fields and among many") {
  for (const int count : {1, 15, 16, 17, 40}) {
    for (const int repeated : {0, count - 1}) {
      std::string text = "{";
      for (int i = 0; i < count; ++i) text += "\"k" + std::to_string(i) + "\":1,";
      const std::string fine = text + "\"other\":1}";
      CHECK(JsonDocument(fine, "thing").root().has("other"));
      text += "\"k" + std::to_string(repeated) + "\":2}";
      CAPTURE(std::string(text));
      const std::string what = refusal_of(text, [](const JsonObject&) {});
      CHECK(what.find("'k" + std::to_string(repeated) + "' appears twice") != std::string::npos);
    }
  }
}

TEST_CASE("a value that is quoted in a message is cut short") {
  const std::string text = R"({"n":")" + std::string(10'000, 'x') + R"("})";
  CHECK(refusal_of(text, [](const JsonObject& o) { std::ignore = o.u32("n"); }).size() < 300);
}

TEST_CASE("no text at all is refused as any other that is not JSON") {
  for (const std::string_view text : {std::string_view(), std::string_view("")}) {
    CHECK_THROWS_WITH_AS(JsonDocument(text, "it"), "it: not JSON: empty: malformed", Error);
  }
}

}  // namespace
}  // namespace pfcache::test
