#include "warm/ranking.hpp"

#include <doctest/doctest.h>

#include <algorithm>

namespace pfcache::test {
namespace {

WarmRun run(std::string name, std::optional<double> objective, EntryKind kind, std::uint64_t secs,
            std::uint32_t nanos = 0) {
  WarmRun made;
  made.run = std::move(name);
  made.objective = objective;
  made.kind = kind;
  made.written_unix_secs = secs;
  made.written_nanos = nanos;
  return made;
}

std::string order_of(std::vector<WarmRun> runs, void (*sort)(std::vector<WarmRun>&)) {
  sort(runs);
  std::string order;
  for (const WarmRun& it : runs) order += it.run;
  return order;
}

constexpr EntryKind kCheckpoint = EntryKind::checkpoint;
constexpr EntryKind kFinal = EntryKind::final;

// Sorted from every order they may be found in.
void check_best_first(std::vector<WarmRun> runs, const std::string& expected) {
  std::sort(runs.begin(), runs.end(), [](const WarmRun& a, const WarmRun& b) { return a.run < b.run; });
  do {
    CHECK(order_of(runs, sort_best_first) == expected);
  } while (std::next_permutation(runs.begin(), runs.end(),
                                 [](const WarmRun& a, const WarmRun& b) { return a.run < b.run; }));
}

TEST_CASE("a lower objective comes first, and any before none") {
  check_best_first({run("a", 2.0, kFinal, 9), run("b", -1.0, kCheckpoint, 1), run("c", std::nullopt, kFinal, 99),
                    run("d", 1e300, kCheckpoint, 1)},
                   "badc");
}

TEST_CASE("of equal objectives Final comes before Checkpoint, however late that is") {
  check_best_first({run("a", 1.0, kCheckpoint, 9), run("b", 1.0, kFinal, 1), run("c", 1.0, kCheckpoint, 10)}, "bca");
}

TEST_CASE("latest_written_breaks_ties") {
  check_best_first({run("a", 1.0, kFinal, 5, 7), run("b", 1.0, kFinal, 5, 8), run("c", 1.0, kFinal, 4, 9)}, "bac");
  check_best_first({run("a", std::nullopt, kCheckpoint, 5), run("b", std::nullopt, kCheckpoint, 6)}, "ba");
}

TEST_CASE("objectives that differ by less than the tie are equal to the lowest, and to no others") {
  check_best_first({run("a", 1.0, kCheckpoint, 1), run("b", 1.0 + 0.9e-12, kFinal, 1)}, "ba");
  check_best_first({run("a", 1.0, kCheckpoint, 1), run("b", 1.0 + 2e-12, kFinal, 1)}, "ab");
  // A chain: c ties with b, and b with a, but c isn't as good as a.
  check_best_first({run("a", 0.0, kCheckpoint, 1), run("b", 0.8e-12, kCheckpoint, 2), run("c", 1.6e-12, kFinal, 3)},
                   "bac");
}

TEST_CASE("the latest comes first whatever the objective") {
  CHECK(order_of({run("a", 1.0, kFinal, 5), run("b", 9.0, kCheckpoint, 6), run("c", std::nullopt, kFinal, 6)},
                 sort_latest_first) == "cba");
}

}  // namespace
}  // namespace pfcache::test
