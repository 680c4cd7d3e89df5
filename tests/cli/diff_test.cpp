#include <doctest/doctest.h>

#include "cli/runner.hpp"

using namespace pfcache::test;

TEST_CASE("diff counts the pages that sessions of one conversation share") {
  const Runner runner;
  runner.must({"capture", session(399), "--name", "a"});
  runner.must({"capture", session(799), "--name", "b"});
  CHECK(runner.must({"diff", "a", "b"}) ==
        "           PAGES       SIZE\n"
        "shared        24  768.0 KiB\n"
        "only in A      1   32.0 KiB\n"
        "only in B     26  832.0 KiB");
  const std::string record = runner.must({"diff", "a", "b", "--json"});
  CHECK(record.find("\"shared\":{\"pages\":24,\"bytes\":786432},\"only_a\":{\"pages\":1,\"bytes\":32768},"
                    "\"only_b\":{\"pages\":26,\"bytes\":851968},\"geometry\":[]") != std::string::npos);
}

TEST_CASE("diff names the fields of the geometry that differ, and that is no failure") {
  const Runner runner;
  runner.must({"capture", "synthetic:2:0", "--name", "a"});
  runner.must({"capture", "synthetic:2:0", "--dtype", "f16", "--name", "b"});
  const Result result = runner.run({"diff", "a", "b"});
  CHECK(result.status == 0);
  CHECK(result.out.find("differs    dtype: bf16, f16\n") != std::string::npos);
}

TEST_CASE("diff wants two snapshots that are here") {
  const Runner runner;
  runner.must({"capture", "synthetic:2:0", "--name", "a"});
  CHECK(runner.run({"diff", "a", "b"}).status == 10);
  CHECK(runner.run({"diff", "b", "a"}).status == 10);
}
