#include "pfcache/digest.hpp"

#include <doctest/doctest.h>

#include <ostream>
#include <unordered_set>

#include "pfcache/error.hpp"

namespace pfcache::test {
namespace {

const std::string kHex = "0123456789abcdef00000000000000000000000000000000ffffffffffffff10";

TEST_CASE("a digest is read from 64 hex digits, with or without sha256: before them") {
  const Digest digest = Digest::parse(kHex);
  CHECK(Digest::parse("sha256:" + kHex) == digest);
  CHECK(digest.hex() == kHex);
  CHECK(digest.text() == "sha256:" + kHex);
  CHECK(digest.bytes()[0] == std::byte{0x01});
  CHECK(digest.bytes()[31] == std::byte{0x10});
}

TEST_CASE("nothing else is a digest") {
  std::string upper = kHex;
  upper[10] = 'A';
  std::string not_hex = kHex;
  not_hex[63] = 'g';
  std::string with_nul = kHex;
  with_nul[5] = '\0';
  for (const std::string& text :
       {std::string(), std::string("sha256:"), upper, not_hex, with_nul, kHex.substr(1), kHex + "0", kHex + "\n",
        " " + kHex, "sha256:" + kHex.substr(2), "sha256:sha256:" + kHex, "SHA256:" + kHex, "sha1:" + kHex,
        "sha256:" + kHex.substr(7), std::string("../../x"), "../" + kHex.substr(3),
        kHex.substr(0, 32) + "/" + kHex.substr(33)}) {
    CAPTURE(text);
    CHECK_FALSE(Digest::try_parse(text).has_value());
    CHECK_THROWS_AS(std::ignore = Digest::parse(text), Error);
  }
}

TEST_CASE("the refusal of a digest quotes the text, cut short when it is long") {
  try {
    std::ignore = Digest::parse("../../x" + std::string(10'000, 'y'));
    FAIL("expected an Error");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::malformed);
    CHECK(std::string(error.what()).find("../../xyyy") != std::string::npos);
    CHECK(std::string(error.what()).size() < 500);
  }
}

TEST_CASE("digests compare as bytes, first byte first") {
  const Digest low = Digest::parse("00" + std::string(60, 'f') + "ff");
  const Digest high = Digest::parse("01" + std::string(62, '0'));
  CHECK(low < high);
  CHECK(low != high);
  CHECK(Digest() < low);
  CHECK(Digest() == Digest::parse(std::string(64, '0')));
}

TEST_CASE("the number of a digest is its first eight bytes, little-endian") {
  const Digest digest = Digest::parse(kHex);
  CHECK(digest.prefix64() == 0xefcdab8967452301U);
  CHECK(std::unordered_set<Digest>{digest, digest, Digest()}.size() == 2);
}

}  // namespace
}  // namespace pfcache::test
