#include "fuse/timed_operations.hpp"

#include <doctest/doctest.h>

#include <array>
#include <bit>
#include <cstddef>

#include "fuse/operations.hpp"

using namespace pfcache::fuse;

namespace {

// The table is one pointer after the other.
using Pointers = std::array<void*, sizeof(fuse_lowlevel_ops) / sizeof(void*)>;

constexpr std::size_t index_of(std::size_t offset) { return offset / sizeof(void*); }

}  // namespace

TEST_CASE("every callback that answers a request is timed") {
  const auto plain = std::bit_cast<Pointers>(untimed_operations());
  const auto timed = std::bit_cast<Pointers>(operations());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CAPTURE(i);
    const bool has_no_answer = i == index_of(offsetof(fuse_lowlevel_ops, init)) ||
                               i == index_of(offsetof(fuse_lowlevel_ops, forget)) ||
                               i == index_of(offsetof(fuse_lowlevel_ops, forget_multi));
    CHECK((plain.at(i) != timed.at(i)) == (plain.at(i) != nullptr && !has_no_answer));
  }
}
