#include "snapshot/page_room.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace pfcache::test {
namespace {

long minor_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_minflt;
}

// Faults while all of the room is written.
long faults_of_filling(PageRoom& room, std::size_t pages) {
  const long before = minor_faults();
  for (std::size_t i = 0; i < pages; ++i) {
    std::memset(room.page(i).k.data(), 1, room.page(i).k.size());
    std::memset(room.page(i).v.data(), 2, room.page(i).v.size());
  }
  return minor_faults() - before;
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

TEST_CASE("room that was prepared is written without a page fault") {
  PageRoom room;
  room.prepare(16 * 2 * kHalf);
  room.require(16, kHalf);
  CHECK(faults_of_filling(room, 16) == 0);
}

TEST_CASE("what was prepared is used when more is required") {
  PageRoom room;
  room.prepare(12 * 2 * kHalf);
  room.require(16, kHalf);
  CHECK(faults_of_filling(room, 12) == 0);
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
