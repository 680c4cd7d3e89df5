#include "fuse/single_flight.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <thread>

using namespace pfcache::fuse;

namespace {

using Flights = SingleFlight<int, int>;

constexpr int kKey = 5;

// Runs kKey in a thread that is waiting, as far as time can tell, when the constructor returns.
struct Waiter {
  explicit Waiter(Flights& flights)
      : thread([this, &flights] {
          try {
            result = flights.run(kKey, [this] { return made = 7; });
          } catch (const std::runtime_error&) {
            has_failed = true;
          }
        }) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }

  std::atomic<int> made = 0;
  std::atomic<int> result = 0;
  std::atomic<bool> has_failed = false;
  std::jthread thread;
};

}  // namespace

TEST_CASE("what was started lands at all who wait") {
  Flights flights;
  auto flight = flights.try_start(kKey);
  REQUIRE(flight);
  CHECK(flight->key() == kKey);
  CHECK_FALSE(flights.try_start(kKey));
  CHECK(flights.try_start(kKey + 1));
  Waiter waiter(flights);
  flight->land(3);
  waiter.thread.join();
  CHECK(waiter.result == 3);
  CHECK(waiter.made == 0);
  CHECK(flights.try_start(kKey));
}

TEST_CASE("a failure goes to those who wait, and the next one tries again") {
  Flights flights;
  auto flight = flights.try_start(kKey);
  Waiter waiter(flights);
  flight->fail(std::make_exception_ptr(std::runtime_error("no")));
  waiter.thread.join();
  CHECK(waiter.has_failed);
  CHECK(flights.run(kKey, [] { return 9; }) == 9);
}

TEST_CASE("what was dropped is done by those who wait") {
  Flights flights;
  auto flight = flights.try_start(kKey);
  Waiter waiter(flights);
  flight.reset();
  waiter.thread.join();
  CHECK(waiter.made == 7);
  CHECK(waiter.result == 7);
}
