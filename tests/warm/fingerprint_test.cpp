#include "pfcache/fingerprint.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <functional>
#include <limits>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"
#include "support/failure.hpp"

namespace pfcache::test {
namespace {

template <typename Absorb>
Fingerprint key_of(Absorb&& absorb, Framing framing = Framing::typed) {
  Fingerprinter fingerprinter(framing);
  absorb(fingerprinter);
  return fingerprinter.finalize();
}

// What a field is framed as, byte by byte.
Fingerprint key_of_bytes(std::string_view bytes) { return Fingerprint(sha256(as_bytes(bytes))); }

const std::array<double, 2> kNumbers = {1.0, -2.5};
const std::string kNumberBytes("\0\0\0\0\0\0\xf0\x3f\0\0\0\0\0\0\x04\xc0", 16);

std::string u64le(std::uint64_t number) {
  std::vector<std::byte> bytes;
  append_le(bytes, number);
  return std::string(as_text(bytes));
}

std::string tag(std::string_view text) { return u64le(text.size()).substr(0, 4) + std::string(text); }

TEST_CASE("fingerprints are the golden ones") {
  const auto str = [](Fingerprinter& it) { it.absorb_str("test", "roundtrip"); };
  CHECK(key_of(str, Framing::untyped).hex() == "310b0bd951d8eea1ddc2119a2bf15ecc5b668579c9085ca83b96c4f387885e2b");
  CHECK(key_of(str).hex() == "c2911c6e2b431839f6aa0895864cdc273ef3fa74699e510bf5603f6443749268");
  CHECK(key_of([](Fingerprinter& it) { it.absorb_u64("i", 7); }).hex() ==
        "e268c1d75d7a645618d59085c4967e84ef527ba58c71259d3c9a0a6616a12d54");
  CHECK(key_of([](Fingerprinter& it) { it.absorb_f64("x", 0.5); }).hex() ==
        "02fc384f2aa7a3f29212fbdc301ea419a14eb3f21ed1859790cb9653e6def1c0");
}

TEST_CASE("each field is framed as its format says, in both framings") {
  struct Field {
    std::function<void(Fingerprinter&)> absorb;
    char type;
    std::string untyped;
    std::string typed;
  };
  const std::string word = u64le(0x0102030405060708U);
  const std::vector<Field> fields = {
      {[](Fingerprinter& it) { it.absorb_tag("t"); }, 0, "", ""},
      {[](Fingerprinter& it) { it.absorb_bytes("t", as_bytes("ab")); }, 1, u64le(2) + "ab", u64le(2) + "ab"},
      {[](Fingerprinter& it) { it.absorb_str("t", "ab"); }, 2, u64le(2) + "ab", u64le(2) + "ab"},
      {[](Fingerprinter& it) { it.absorb_u64("t", 0x0102030405060708U); }, 3, u64le(8) + word, word},
      {[](Fingerprinter& it) { it.absorb_f64("t", std::bit_cast<double>(std::uint64_t{0x0102030405060708U})); }, 4,
       u64le(8) + word, word},
      {[](Fingerprinter& it) { it.absorb_f64_slice("t", kNumbers); }, 5, u64le(2) + kNumberBytes,
       u64le(2) + kNumberBytes},
      {[](Fingerprinter& it) { it.absorb_f64_2d("t", 2, 1, kNumbers); }, 6, u64le(2) + u64le(1) + kNumberBytes,
       u64le(2) + u64le(1) + kNumberBytes},
  };
  for (const Field& field : fields) {
    CAPTURE(static_cast<int>(field.type));
    CHECK(key_of(field.absorb, Framing::untyped) == key_of_bytes(tag("t") + field.untyped));
    CHECK(key_of(field.absorb) == key_of_bytes(std::string(1, field.type) + tag("t") + field.typed));
  }
}

TEST_CASE("fingerprint_is_order_sensitive") {
  const auto key = [](auto first, auto second) {
    return key_of([&](Fingerprinter& it) {
      it.absorb_str(first, "x");
      it.absorb_str(second, "x");
    });
  };
  CHECK(key("a", "b") != key("b", "a"));
  CHECK(key("a", "b") == key("a", "b"));
}

TEST_CASE("tagged_absorptions_dont_collide") {
  CHECK(key_of([](Fingerprinter& it) { it.absorb_str("ab", "c"); }) !=
        key_of([](Fingerprinter& it) { it.absorb_str("a", "bc"); }));
  CHECK(key_of([](Fingerprinter& it) { it.absorb_f64_2d("x", 1, 2, kNumbers); }) !=
        key_of([](Fingerprinter& it) { it.absorb_f64_2d("x", 2, 1, kNumbers); }));
}

TEST_CASE("same_tag_cross_type_absorptions_dont_collide") {
  const double number = 0.5;
  const auto bits = std::bit_cast<std::uint64_t>(number);
  const auto f64 = [&](Fingerprinter& it) { it.absorb_f64("t", number); };
  const auto u64 = [&](Fingerprinter& it) { it.absorb_u64("t", bits); };
  const auto bytes = [&](Fingerprinter& it) { it.absorb_bytes("t", as_bytes(u64le(bits))); };
  CHECK(key_of(f64) != key_of(u64));
  CHECK(key_of(f64) != key_of(bytes));
  CHECK(key_of(u64) != key_of(bytes));
  CHECK(key_of([](Fingerprinter& it) { it.absorb_str("k", "AB"); }) !=
        key_of([](Fingerprinter& it) { it.absorb_bytes("k", as_bytes("AB")); }));
  CHECK(key_of([](Fingerprinter& it) { it.absorb_tag("sep"); }) !=
        key_of([](Fingerprinter& it) { it.absorb_bytes("sep", {}); }));
  // Which is what the first framing got wrong.
  CHECK(key_of(f64, Framing::untyped) == key_of(u64, Framing::untyped));
}

TEST_CASE("different_data_yields_different_keys") {
  const std::array<double, 2> others = {1.0, 3.0};
  CHECK(key_of([](Fingerprinter& it) { it.absorb_f64_slice("y", kNumbers); }) !=
        key_of([&](Fingerprinter& it) { it.absorb_f64_slice("y", others); }));
  CHECK(key_of([](Fingerprinter& it) { it.absorb_f64("y", 0.0); }) !=
        key_of([](Fingerprinter& it) { it.absorb_f64("y", -0.0); }));
}

TEST_CASE("a matrix has as many numbers as rows and columns say") {
  Fingerprinter fingerprinter;
  CHECK(failure_of([&] { fingerprinter.absorb_f64_2d("x", 2, 2, kNumbers); }).code == Errc::invalid_argument);
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 2 + 2;
  CHECK(failure_of([&] { fingerprinter.absorb_f64_2d("x", huge, 2, kNumbers); }).code == Errc::invalid_argument);
  fingerprinter.absorb_f64_2d("empty", 0, 5, {});
}

TEST_CASE("hex_roundtrips") {
  const Fingerprint key = key_of([](Fingerprinter& it) { it.absorb_tag("t"); });
  CHECK(key.hex().size() == 64);
  CHECK(Fingerprint::parse(key.hex()) == key);
}

TEST_CASE("invalid_hex_rejected") {
  for (const std::string& text :
       {std::string(), std::string("not hex"), std::string(63, 'a'), std::string(65, 'a'), std::string(64, 'A'),
        std::string(64, 'z'), std::string("sha256:") + std::string(64, 'a'), std::string("../") + std::string(61, 'a'),
        std::string("../x")}) {
    CAPTURE(text);
    CHECK_FALSE(Fingerprint::try_parse(text));
    const Failure failure = failure_of([&] { std::ignore = Fingerprint::parse(text); });
    CHECK(failure.code == Errc::invalid_argument);
    CHECK(failure.what.find("64 lower-case hex digits") != std::string::npos);
  }
}

}  // namespace
}  // namespace pfcache::test
