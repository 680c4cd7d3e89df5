#include "pfcache/size.hpp"

#include <doctest/doctest.h>

#include <limits>

namespace pfcache::test {
namespace {

TEST_CASE("a size is a number with a binary unit or none") {
  CHECK(parse_size("0") == 0);
  CHECK(parse_size("4096") == 4096);
  CHECK(parse_size("12B") == 12);
  CHECK(parse_size("3K") == 3072);
  CHECK(parse_size("3KiB") == 3072);
  CHECK(parse_size("2M") == 2U << 20);
  CHECK(parse_size("4GiB") == std::uint64_t{4} << 30);
  CHECK(parse_size("1T") == std::uint64_t{1} << 40);
  CHECK(parse_size("16383PiB") == std::uint64_t{16383} << 50);
  CHECK(parse_size("18446744073709551615") == std::numeric_limits<std::uint64_t>::max());
}

TEST_CASE("what is no size, or overflows, is none") {
  for (const char* text :
       {"", "K", "-1", "+1", " 1", "1 K", "1.5G", "1kib", "1P", "16384PiB", "18446744073709551616", "0x10"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_size(text).has_value());
  }
}

TEST_CASE("a size is written in its largest whole unit, and read as the same") {
  CHECK(size_text(0) == "0");
  CHECK(size_text(1023) == "1023");
  CHECK(size_text(1024) == "1KiB");
  CHECK(size_text(1025) == "1025");
  CHECK(size_text(std::uint64_t{8} << 30) == "8GiB");
  CHECK(size_text(std::uint64_t{1536} << 20) == "1536MiB");
  for (const std::uint64_t bytes : {std::uint64_t{1} << 50, std::uint64_t{3} << 62, ~std::uint64_t{0}}) {
    CHECK(parse_size(size_text(bytes)) == bytes);
  }
}

}  // namespace
}  // namespace pfcache::test
