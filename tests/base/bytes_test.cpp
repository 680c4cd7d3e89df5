#include "base/bytes.hpp"

#include <doctest/doctest.h>

#include <array>

#include "base/hex.hpp"

namespace pfcache::test {
namespace {

TEST_CASE("integers are stored and loaded with the low byte first") {
  std::array<std::byte, 8> bytes{};
  store_le<std::uint64_t>(0x0102030405060708, bytes);
  CHECK(to_hex(bytes) == "0807060504030201");
  CHECK(load_le<std::uint64_t>(bytes) == 0x0102030405060708);
  CHECK(load_le<std::uint32_t>(bytes) == 0x05060708);
  CHECK(load_le<std::uint16_t>(bytes) == 0x0708);
  CHECK(load_le<std::uint8_t>(bytes) == 0x08);
}

TEST_CASE("the highest bits survive storing and loading") {
  std::vector<std::byte> bytes;
  append_le<std::uint32_t>(bytes, 0xffffffff);
  append_le<std::uint64_t>(bytes, 0xfedcba9876543210);
  append_le<std::uint8_t>(bytes, 0x80);
  REQUIRE(bytes.size() == 13);
  const std::span<const std::byte> view(bytes);
  CHECK(load_le<std::uint32_t>(view) == 0xffffffff);
  CHECK(load_le<std::uint64_t>(view.subspan(4)) == 0xfedcba9876543210);
  CHECK(load_le<std::uint8_t>(view.subspan(12)) == 0x80);
}

TEST_CASE("text and bytes are views of the same memory") {
  const std::string text("a\0b", 3);
  CHECK(as_bytes(text).size() == 3);
  CHECK(as_text(as_bytes(text)) == text);
}

TEST_CASE("hex is written in lower case and read back") {
  const std::array bytes = {std::byte{0x00}, std::byte{0x9f}, std::byte{0xa0}, std::byte{0xff}};
  CHECK(to_hex(bytes) == "009fa0ff");
  std::array<std::byte, 4> back{};
  CHECK(from_hex("009fa0ff", back));
  CHECK(back == bytes);
  CHECK(to_hex({}).empty());
  CHECK(from_hex("", {}));
}

TEST_CASE("hex of another length, in upper case or with other characters is refused") {
  std::array<std::byte, 2> out{};
  for (const char* text : {"", "00", "000", "00000", "00FF", "00fg", "0x00", " 000", "00 0", "/000", ":000", "`000"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(from_hex(text, out));
  }
  CHECK(is_hex("0123456789abcdef"));
  for (const char* text : {"", "A", "g", "0 ", "-1"}) CHECK_FALSE(is_hex(text));
}

}  // namespace
}  // namespace pfcache::test
