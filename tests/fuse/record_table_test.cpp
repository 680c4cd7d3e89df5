#include "fuse/record_table.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <unordered_map>

using pfcache::fuse::InodeRecord;
using pfcache::fuse::RecordTable;

TEST_CASE("a table does what a map does, through any order of insertions and removals") {
  std::mt19937_64 random(7);
  RecordTable table;
  std::unordered_map<std::uint64_t, std::uint32_t> expected;
  for (int round = 0; round < 60'000; ++round) {
    // Few distinct high bits, so that homes collide and runs wrap around the end; growing at first, then shrinking.
    const std::uint64_t id =
        (random() % 40 == 0 ? ~std::uint64_t{0} << 52U : (random() % 8) << 61U) + random() % 900 + 1;
    const bool shall_add = random() % 60'000 > static_cast<std::uint64_t>(round);
    InodeRecord* found = table.find(id);
    REQUIRE((found != nullptr) == expected.contains(id));
    if (found != nullptr) REQUIRE(found->row == expected.at(id));
    if (found == nullptr && shall_add) {
      const auto row = static_cast<std::uint32_t>(round);
      table.insert({id, 0, 0, row});
      expected[id] = row;
    } else if (found != nullptr && !shall_add) {
      table.erase(id);
      expected.erase(id);
    }
    REQUIRE(table.size() == expected.size());
  }
  for (const auto& [id, row] : expected) REQUIRE(table.find(id)->row == row);
}

TEST_CASE("a record of a large table takes less than 36 bytes") {
  std::mt19937_64 random(1);
  RecordTable table;
  for (std::size_t i = 0; i < 300'000; ++i) {
    table.insert({random() | 1U, 0, 0, 0});
    if (i > 1000) REQUIRE(table.capacity() * sizeof(InodeRecord) <= 36 * table.size());
  }
}

TEST_CASE("a table that empties gives its memory back") {
  RecordTable table;
  for (std::uint64_t i = 1; i <= 10'000; ++i) table.insert({i * 0x9E3779B97F4A7C15U, 0, 0, 0});
  for (std::uint64_t i = 1; i <= 10'000; ++i) table.erase(i * 0x9E3779B97F4A7C15U);
  CHECK(table.size() == 0);
  CHECK(table.capacity() < 200);
}
