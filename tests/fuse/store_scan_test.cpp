#include "fuse/store_scan.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <latch>
#include <stdexcept>

using namespace pfcache;
using namespace pfcache::fuse;
using namespace std::chrono_literals;

namespace {

StoreStats stats_of(std::uint64_t snapshots) {
  StoreStats stats;
  stats.snapshots = snapshots;
  return stats;
}

// Asks until there is an answer, or one that `is_wanted`.
template <typename IsWanted>
StoreScan::Result wait_for(StoreScan& scan, IsWanted&& is_wanted) {
  while (true) {
    const auto result = scan.latest();
    if (result && is_wanted(*result)) return *result;
    std::this_thread::sleep_for(1ms);
  }
}

}  // namespace

TEST_CASE("who asks first gets the first count, and others the same until it is old") {
  std::atomic<unsigned> counts = 0;
  StoreScan scan([&](const std::stop_token&) { return stats_of(++counts); }, 1h);
  CHECK(counts == 0);
  CHECK(wait_for(scan, [](const auto&) { return true; }).stats.snapshots == 1);
  CHECK(scan.latest()->stats.snapshots == 1);
  CHECK(counts == 1);
}

TEST_CASE("an old count is given, and a new one made meanwhile") {
  std::atomic<unsigned> counts = 0;
  StoreScan scan([&](const std::stop_token&) { return stats_of(++counts); }, 0s);
  CHECK(wait_for(scan, [](const auto& it) { return it.stats.snapshots >= 3; }).stats.snapshots >= 3);
}

TEST_CASE("nobody waits for a count that takes long, and it ends when it is no longer wanted") {
  std::latch begun(1);
  std::atomic<bool> was_stopped = false;
  {
    StoreScan scan([&](const std::stop_token& stop) {
      begun.count_down();
      while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
      was_stopped = true;
      return stats_of(1);
    });
    CHECK_FALSE(scan.latest().has_value());
    begun.wait();
    CHECK_FALSE(scan.latest().has_value());
  }
  CHECK(was_stopped);
}

TEST_CASE("a count that fails leaves the last one") {
  std::atomic<unsigned> counts = 0;
  StoreScan scan(
      [&](const std::stop_token&) {
        if (++counts > 1) throw std::runtime_error("the disk is gone");
        return stats_of(1);
      },
      0s);
  static_cast<void>(wait_for(scan, [&](const auto&) { return counts >= 3; }));
  CHECK(scan.latest()->stats.snapshots == 1);
}

TEST_CASE("a scan that nobody asked for costs nothing and ends at once") {
  const StoreScan scan([](const std::stop_token&) { return stats_of(1); });
}
