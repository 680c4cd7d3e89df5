#include "snapshot/page_room.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <vector>

namespace pfcache::test {
namespace {

// Pages of memory that the first `pages` of the room still lack. (Counting page faults would count those of a
// sanitizer's own memory too.)
std::size_t absent_pages(PageRoom& room, std::size_t pages) {
  constexpr std::size_t kPage = 4096;
  const std::size_t bytes = 2 * room.page(0).k.size() * pages;
  std::vector<unsigned char> residence((bytes + kPage - 1) / kPage);
  REQUIRE(::mincore(room.page(0).k.data(), bytes, residence.data()) == 0);
  return static_cast<std::size_t>(std::ranges::count_if(residence, [](unsigned char one) { return (one & 1) == 0; }));
}

constexpr std::uint64_t kHalf = std::uint64_t{1} << 20;

TEST_CASE("pages lie side by side and have the size asked for") {
  PageRoom room;
  room.require(3, 100);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(room.page(i).k.size() == 100);
    CHECK(room.page(i).v.size() == 100);
    std::ranges::fill(room.page(i).k, static_cast<std::byte>(2 * i));
    std::ranges::fill(room.page(i).v, static_cast<std::byte>(2 * i + 1));
  }
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(room.page(i).k[99] == static_cast<std::byte>(2 * i));
    CHECK(room.page(i).v[0] == static_cast<std::byte>(2 * i + 1));
  }
}

TEST_CASE("room that was prepared is there when it is written to") {
  PageRoom room;
  room.prepare(16 * 2 * kHalf);
  room.require(16, kHalf);
  CHECK(absent_pages(room, 16) == 0);
  PageRoom unprepared;
  unprepared.require(16, kHalf);
  CHECK(absent_pages(unprepared, 16) > 0);
}

TEST_CASE("what was prepared is used when more is required") {
  PageRoom room;
  room.prepare(12 * 2 * kHalf);
  room.require(16, kHalf);
  CHECK(absent_pages(room, 12) == 0);
  CHECK(room.page(15).v.size() == kHalf);
}

TEST_CASE("room for nothing is no room, and more than there is throws") {
  PageRoom room;
  room.prepare(0);
  room.require(0, kHalf);
  room.require(5, 0);
  CHECK(room.page(4).k.empty());
  CHECK_THROWS_AS(room.require(~std::size_t{0} / 4, 8), std::bad_alloc);
  CHECK_THROWS_AS(room.require(std::size_t{1} << 20, std::uint64_t{1} << 30), std::bad_alloc);
}

TEST_CASE("preparing more than there is address space for changes nothing") {
  PageRoom room;
  room.prepare(~std::uint64_t{0} >> 1);
  room.require(2, 100);
  CHECK(room.page(1).k.size() == 100);
}

}  // namespace
}  // namespace pfcache::test
