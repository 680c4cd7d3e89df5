#include "cas/scratch.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <thread>

namespace pfcache::test {
namespace {

TEST_CASE("scratch has the size that was asked for, also when larger or smaller ones were kept") {
  for (const std::size_t size : {0U, 1U, 5000U, 100U, 40U << 20U, 7U}) {
    const Scratch scratch(size);
    REQUIRE(scratch.bytes().size() == size);
    std::ranges::fill(scratch.bytes(), std::byte{1});
  }
}

TEST_CASE("scratch in use is not given out again") {
  const Scratch a(1000);
  const Scratch b(1000);
  const Scratch c(10);
  const Scratch d(1000);
  CHECK(a.bytes().data() != b.bytes().data());
  CHECK(b.bytes().data() != c.bytes().data());
  CHECK(d.bytes().data() != a.bytes().data());
}

TEST_CASE("a thread gets the memory again that it gave back, and leaves the larger for a larger need") {
  bool got_small = false;
  bool got_large = false;
  std::thread([&] {  // one that has kept nothing yet
    const std::byte* large = nullptr;
    const std::byte* small = nullptr;
    {
      const Scratch a(1U << 20U);
      const Scratch b(1U << 15U);
      large = a.bytes().data();
      small = b.bytes().data();
    }
    const Scratch again_small(1U << 14U);
    const Scratch again_large(1U << 19U);
    got_small = again_small.bytes().data() == small;
    got_large = again_large.bytes().data() == large;
  })
      .join();
  CHECK(got_small);
  CHECK(got_large);
}

}  // namespace
}  // namespace pfcache::test
