#include "base/phase_counter.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

#include "base/parallel.hpp"
#include "support/progress_log.hpp"

namespace pfcache::test {

TEST_CASE("what many threads count is told in order, from the beginning to the end") {
  ProgressLog log;
  const OnProgress listener = log.listener();
  PhaseCounter counter(listener, {"read", "page", 0, 3000});
  CHECK(log.phases() == std::vector<std::string>{"read page 0/3000"});
  parallel_for(1000, 4, {}, [&](std::size_t) { counter.add(3); });
  CHECK(log.phases() == std::vector<std::string>{"read page 3000/3000"});
  CHECK(log.events() == 1001);
}

TEST_CASE("without a listener nothing happens") {
  const OnProgress nobody;
  PhaseCounter counter(nobody, {.phase = "read"});
  counter.add(1);
}

TEST_CASE("a listener that throws is heard") {
  const OnProgress listener = [](const ProgressEvent& event) {
    if (event.done > 0) throw std::runtime_error("enough");
  };
  PhaseCounter counter(listener, {.phase = "read"});
  CHECK_THROWS_AS(counter.add(1), std::runtime_error);
}

}  // namespace pfcache::test
