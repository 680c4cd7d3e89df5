#include "base/parallel.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "pfcache/error.hpp"

namespace pfcache::test {
namespace {

TEST_CASE("each piece is done exactly once, on any number of threads") {
  for (const unsigned threads : {0U, 1U, 2U, 7U}) {
    for (const std::size_t count : {0U, 1U, 6U, 1000U}) {
      std::vector<std::atomic<int>> done(count);
      parallel_for(count, threads, {}, [&](std::size_t i) { ++done[i]; });
      for (const auto& times : done) CHECK(times == 1);
    }
  }
}

TEST_CASE("pieces run at the same time on as many threads as asked for") {
  std::atomic<int> arrived{0};
  // Each waits for the other: on one thread this would never end.
  parallel_for(2, 2, {}, [&](std::size_t) {
    ++arrived;
    while (arrived < 2) std::this_thread::yield();
  });
  CHECK(arrived == 2);
}

TEST_CASE("one thread is the caller's, and goes in ascending order") {
  std::vector<std::size_t> order;
  const auto caller = std::this_thread::get_id();
  parallel_for(5, 1, {}, [&](std::size_t i) {
    CHECK(std::this_thread::get_id() == caller);
    order.push_back(i);
  });
  CHECK(order == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("the first exception ends the rest and is thrown again") {
  for (const unsigned threads : {1U, 4U}) {
    std::atomic<std::size_t> begun{0};
    const auto work = [&](std::size_t i) {
      ++begun;
      if (i == 3) throw std::runtime_error("piece 3");
    };
    CHECK_THROWS_WITH_AS(parallel_for(1'000'000, threads, {}, work), "piece 3", std::runtime_error);
    CHECK(begun < 1'000'000);
  }
}

TEST_CASE("a request to stop ends the work as interrupted") {
  std::stop_source source;
  std::atomic<std::size_t> begun{0};
  try {
    parallel_for(1'000'000, 2, source.get_token(), [&](std::size_t) {
      if (++begun == 10) source.request_stop();
    });
    FAIL("expected an Error");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::interrupted);
  }
  CHECK(begun >= 10);
  CHECK(begun < 1'000'000);
}

TEST_CASE("a number of threads is kept, and none means at least one") {
  CHECK(thread_count(3) == 3);
  CHECK(thread_count(0) >= 1);
}

}  // namespace
}  // namespace pfcache::test
