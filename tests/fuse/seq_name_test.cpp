#include "fuse/seq_name.hpp"

#include <doctest/doctest.h>

#include <string>

using pfcache::fuse::seq_directory_name;

TEST_CASE("plain ids are their own names") {
  CHECK(seq_directory_name("seq-seed-0000000000000063") == "seq-seed-0000000000000063");
  CHECK(seq_directory_name("A.b_c-9") == "A.b_c-9");
  CHECK(seq_directory_name("%").size() == 3);
}

TEST_CASE("bytes that a path must not have are percent-encoded in upper case") {
  CHECK(seq_directory_name("a/b") == "a%2Fb");
  CHECK(seq_directory_name("100%") == "100%25");
  CHECK(seq_directory_name("\xc3\xa9") == "%C3%A9");
  CHECK(seq_directory_name(std::string("a\0b", 3)) == "a%00b");
  CHECK(seq_directory_name("a b\n") == "a%20b%0A");
}

TEST_CASE("a leading dot is encoded, others are not") {
  CHECK(seq_directory_name(".") == "%2E");
  CHECK(seq_directory_name("..") == "%2E.");
  CHECK(seq_directory_name(".hidden.txt") == "%2Ehidden.txt");
}

TEST_CASE("the empty id is a lone percent sign") { CHECK(seq_directory_name("") == "%"); }

TEST_CASE("a name of 255 bytes is kept, one more is cut and hashed") {
  const std::string longest(255, 'x');
  CHECK(seq_directory_name(longest) == longest);
  const std::string name = seq_directory_name(longest + "x");
  CHECK(name.substr(0, 182) == std::string(180, 'x') + "%%");
  CHECK(name.size() == 180 + 2 + 16);
  CHECK(name != seq_directory_name(longest + "y"));
}

TEST_CASE("a cut never falls inside an escape") {
  // Escapes end at 3, 6, …, 180: nothing to shorten; one and two plain bytes before move them into the cut.
  const std::string slashes(100, '/');
  CHECK(seq_directory_name(slashes).find("%%") == 180);
  CHECK(seq_directory_name("a" + slashes).find("%%") == 178);
  CHECK(seq_directory_name("ab" + slashes).find("%%") == 179);
}

TEST_CASE("the end of a cut name is the SHA-256 of the id") {
  CHECK(seq_directory_name(std::string(256, 'x')).substr(182) == "85e62acd750c4eb5");
}
