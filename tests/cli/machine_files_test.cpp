#include "cli/machine_files.hpp"

#include <doctest/doctest.h>

using namespace pfcache::cli;
using Numbers = std::vector<std::uint32_t>;

TEST_CASE("a version is its first three numbers") {
  CHECK(version_numbers("6.18.5-amd64") == Numbers{6, 18, 5});
  CHECK(version_numbers("6.9") == Numbers{6, 9, 0});
  CHECK(version_numbers("6.1.0-28-cloud") == Numbers{6, 1, 0});
  CHECK(version_numbers("") == Numbers{0, 0, 0});
  CHECK(version_numbers("linux") == Numbers{0, 0, 0});
  CHECK(version_numbers("6.10") > Numbers{6, 9, 0});
}

TEST_CASE("a field is what stands behind its name") {
  constexpr std::string_view kText =
      "MemTotal:       16 kB\nCapEffective: 1\nCapEff:\t01ff\nMax open files   1024  4096  files\nEmpty:\n";
  CHECK(field_of(kText, "MemTotal") == "16 kB");
  CHECK(field_of(kText, "CapEff") == "01ff");
  CHECK(field_of(kText, "Max open files") == "1024  4096  files");
  CHECK(field_of(kText, "Empty") == "");
  CHECK_FALSE(field_of(kText, "MemFree"));
  CHECK_FALSE(field_of("", "x"));
}

TEST_CASE("a capability is a bit") {
  CHECK(has_capability("CapEff:\t0000000000200000\n", 21));
  CHECK_FALSE(has_capability("CapEff:\t0000000000200000\n", 20));
  CHECK_FALSE(has_capability("", 21));
}
