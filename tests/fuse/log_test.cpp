#include "fuse/log.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "samples.hpp"

using namespace pfcache::fuse;
using pfcache::fuse::test::digest_of;

namespace {

struct Lines {
  std::vector<std::string> all;
  Log::Sink sink() {
    return [this](std::string_view line) { all.emplace_back(line); };
  }
};

}  // namespace

TEST_CASE("a digest is told about once within the quiet time, others are told meanwhile") {
  Lines lines;
  Log log(lines.sink());
  log.tell_about(digest_of(1), "one");
  log.tell_about(digest_of(1), "one again");
  log.tell_about(digest_of(2), "two");
  log.tell("plain");
  log.tell("plain");
  CHECK(lines.all == std::vector<std::string>{"one", "two", "plain", "plain"});
}

TEST_CASE("after the quiet time a digest is told about again") {
  Lines lines;
  Log log(lines.sink(), Log::Clock::duration::zero());
  log.tell_about(digest_of(1), "one");
  log.tell_about(digest_of(1), "one again");
  CHECK(lines.all.size() == 2);
}

TEST_CASE("a new sink gets the lines that follow") {
  Lines before;
  Lines after;
  Log log(before.sink());
  log.tell("a");
  log.set_sink(after.sink());
  log.tell("b");
  CHECK(before.all == std::vector<std::string>{"a"});
  CHECK(after.all == std::vector<std::string>{"b"});
}
