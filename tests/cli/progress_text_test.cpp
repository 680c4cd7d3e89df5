#include "cli/progress_text.hpp"

#include <doctest/doctest.h>

#include "base/json_reader.hpp"

using namespace pfcache::cli;
using pfcache::JsonDocument;

namespace {

constexpr std::uint64_t kMiB = 1U << 20U;

ProgressState reading(std::uint64_t done_mib, std::optional<std::uint64_t> total_mib, double seconds) {
  ProgressState state{"verify", "read", "byte", done_mib * kMiB, {}, seconds};
  if (total_mib) state.total = *total_mib * kMiB;
  return state;
}

std::string shown(const ProgressState& state, std::size_t columns = 120) {
  const LineText line = progress_line(state, columns, false);
  CHECK(line.text.size() == line.columns);
  return line.text;
}

}  // namespace

TEST_CASE("the line tells the share, the amounts, the rate and the time that is left") {
  CHECK(shown(reading(25, 100, 2)) ==
        "verify: read [######------------------]  25 %  25.0 MiB of 100.0 MiB  12.5 MiB/s  6 s left");
  CHECK(shown(reading(1, 100, 2)).ends_with("  3:18 min left"));
  CHECK(shown(reading(1, 100000, 2)).ends_with("  55:33 h left"));
}

TEST_CASE("things are counted as bytes are, without a rate") {
  CHECK(shown({"gc", "mark", "snapshot", 10, 40, 5}) ==
        "gc: mark [######------------------]  25 %  10 of 40 snapshots  15 s left");
}

TEST_CASE("without a total there is no bar, and of nothing not even an amount") {
  CHECK(shown(reading(30, {}, 2)) == "verify: read  30.0 MiB  15.0 MiB/s");
  CHECK(shown({"gc", "look", "blob", 1, {}, 2}) == "gc: look  1 blob");
  CHECK(shown(reading(0, {}, 2)) == "verify: read");
}

TEST_CASE("a phase that is called like its command is not named twice") {
  CHECK(shown({"restore", "restore", "byte", 0, kMiB, 0}).starts_with("restore ["));
}

TEST_CASE("all of nothing is all, and at the first moment no rate is made up") {
  CHECK(shown({"verify", "read", "byte", 0, 0, 1}) ==
        "verify: read [########################] 100 %  0 B of 0 B  0 B/s");
  CHECK(shown(reading(25, 100, 0)).ends_with("  25.0 MiB of 100.0 MiB  0 B/s"));
}

TEST_CASE("the line is never as wide as the terminal, however narrow that is, and loses what matters least first") {
  const ProgressState state = reading(25, 100, 2);
  for (std::size_t columns = 0; columns < 200; ++columns) {
    CAPTURE(columns);
    CHECK(progress_line(state, columns, false).columns <= std::max<std::size_t>(columns, 1) - 1);
  }
  CHECK(shown(state, 80) == "verify: read [###----------]  25 %  25.0 MiB of 100.0 MiB  12.5 MiB/s  6 s left");
  CHECK(shown(state, 70) == "verify: read [###------------]  25 %  25.0 MiB of 100.0 MiB  6 s left");
  CHECK(shown(state, 60) == "verify: read [######------------------]  25 %  6 s left");
  CHECK(shown(state, 40) == "verify: read [##------]  25 %  6 s left");
  CHECK(shown(state, 30) == "verify: read [##------]  25 %");
  CHECK(shown(state, 20) == "verify: read  25 %");
  CHECK(shown(state, 10) == "verify: r");
  CHECK(shown(state, 0).empty());
}

TEST_CASE("color takes no room") {
  const LineText plain = progress_line(reading(25, 100, 2), 80, false);
  const LineText colored = progress_line(reading(25, 100, 2), 80, true);
  CHECK(colored.columns == plain.columns);
  CHECK(colored.text.find("[\x1b[32m###\x1b[0m---") != std::string::npos);
}

TEST_CASE("records have bytes by name, and other things with their unit; what isn't known is null") {
  CHECK(progress_record(reading(1, 4, 2)) ==
        R"({"progress":{"command":"verify","phase":"read","done_bytes":1048576,"total_bytes":4194304,)"
        R"("bytes_per_second":524288,"eta_seconds":6}})");
  CHECK(progress_record({"gc", "mark", "snapshot", 10, 40, 5}) ==
        R"({"progress":{"command":"gc","phase":"mark","unit":"snapshot","done":10,"total":40,"per_second":2,)"
        R"("eta_seconds":15}})");
  CHECK(progress_record(reading(0, {}, 2)) ==
        R"({"progress":{"command":"verify","phase":"read","done_bytes":0,"total_bytes":null,"bytes_per_second":0,)"
        R"("eta_seconds":null}})");
}
