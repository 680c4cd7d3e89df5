#include "fuse/metrics.hpp"

#include <doctest/doctest.h>

#include <cerrno>
#include <thread>
#include <vector>

using namespace pfcache;
using namespace pfcache::fuse;
using namespace std::chrono_literals;

namespace {

MountMetrics state_of(const Metrics& metrics) {
  MountMetrics state;
  metrics.add_to(state);
  return state;
}

}  // namespace

TEST_CASE("a request counts in the bucket whose bound it doesn't exceed") {
  Metrics metrics;
  for (const auto took : {0ns, 10'000ns, 10'001ns, 25'000ns, 30'000'000'000ns, 30'000'000'001ns, -5ns}) {
    metrics.note(MountOperation::read, took);
  }
  const MountMetrics state = state_of(metrics);
  const LatencyHistogram& latency = state.latency(MountOperation::read);
  CHECK(latency.counts[0] == 3);
  CHECK(latency.counts[1] == 2);
  CHECK(latency.counts[kLatencyBounds.size() - 1] == 1);
  CHECK(latency.counts[kLatencyBounds.size()] == 1);
  CHECK(latency.sum_seconds == doctest::Approx(60.000045));
  CHECK(state.latency(MountOperation::write).count() == 0);
}

TEST_CASE("errors are kept by operation and name, and a name that is looked for in vain is none") {
  Metrics metrics;
  metrics.note_error(MountOperation::open, EIO);
  metrics.note_error(MountOperation::open, EIO);
  metrics.note_error(MountOperation::commit, ENOSPC);
  metrics.note_error(MountOperation::lookup, ENOENT);
  metrics.note_error(MountOperation::open, 100'000);
  const MountMetrics state = state_of(metrics);
  REQUIRE(state.errors.size() == 3);
  CHECK(state.errors[0].error == "EIO");
  CHECK(state.errors[0].count == 2);
  CHECK(state.errors[1].error == "EHWPOISON");
  CHECK(state.errors[2].operation == MountOperation::commit);
  CHECK(state.errors[2].error == "ENOSPC");
}

TEST_CASE("a timer counts for what its request turned out to be, once") {
  Metrics metrics;
  {
    const OperationTimer timer(metrics, MountOperation::rename);
    CHECK(OperationTimer::current() == MountOperation::rename);
    OperationTimer::turn_into(MountOperation::commit);
  }
  { const OperationTimer timer(metrics, MountOperation::rename); }
  CHECK(state_of(metrics).latency(MountOperation::commit).count() == 1);
  CHECK(state_of(metrics).latency(MountOperation::rename).count() == 1);
}

TEST_CASE("nothing is lost when many count at once") {
  constexpr int kThreads = 4;
  constexpr int kTimes = 10'000;
  Metrics metrics;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (int j = 0; j < kTimes; ++j) {
          metrics.add(MountValue::read_bytes, 3);
          metrics.note(MountOperation::read, 1us);
          metrics.note_error(MountOperation::read, EIO);
        }
      });
    }
  }
  const MountMetrics state = state_of(metrics);
  CHECK(state[MountValue::read_bytes] == std::uint64_t{3} * kThreads * kTimes);
  CHECK(state.latency(MountOperation::read).count() == std::uint64_t{kThreads} * kTimes);
  CHECK(state.errors.at(0).count == std::uint64_t{kThreads} * kTimes);
}
