#include "cas/digest_set.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/bytes.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::test {
namespace {

Digest digest_of(std::uint64_t number) {
  std::array<std::byte, 8> bytes{};
  store_le(number, bytes);
  return sha256(bytes);
}

TEST_CASE("a set holds what was inserted, once, and nothing else") {
  DigestSet set;
  CHECK_FALSE(set.contains(digest_of(0)));
  std::set<Digest> expected;
  for (std::uint64_t round = 0; round < 4; ++round) {
    // Overlaps with what is there, and more of them than are kept unsorted.
    for (std::uint64_t i = 0; i < 70'000; ++i) {
      set.insert(digest_of(round * 50'000 + i));
      expected.insert(digest_of(round * 50'000 + i));
    }
    set.finish();
    REQUIRE(set.size() == expected.size());
    REQUIRE(std::ranges::all_of(expected, [&](const Digest& digest) { return set.contains(digest); }));
    REQUIRE_FALSE(set.contains(digest_of(1'000'000)));
  }
  set.finish();
  CHECK(set.size() == expected.size());
}

}  // namespace
}  // namespace pfcache::test
