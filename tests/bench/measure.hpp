// Small tools of the benchmarks: time, and medians.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace pfcache::bench {

template <typename Work>
[[nodiscard]] double seconds_of(Work&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// REQUIRES: not empty.
[[nodiscard]] inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

/// GHz of the core that runs this, from a chain of additions that each take one cycle.
[[nodiscard]] inline double clock_ghz() {
  constexpr std::size_t kAdditions = 50'000'000;
  std::size_t sum = 1;
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < kAdditions / 10; ++i) {
      // Ten in a row, so that the loop around them is free beside them.
#pragma GCC unroll 10
      for (int step = 0; step < 10; ++step) {
        sum += sum;
        __asm__ volatile("" : "+r"(sum));
      }
    }
  });
  return static_cast<double>(kAdditions) / seconds / 1e9;
}

}  // namespace pfcache::bench
