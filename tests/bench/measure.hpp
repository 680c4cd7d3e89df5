// Small tools of the benchmarks: time, medians, a table.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <string>
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

struct Row {
  std::string what;
  std::string ours;
  std::string theirs;
  double ratio = 0;
  std::string bar;
  bool met = false;
};

inline void print_table(const std::string& other_side, const std::vector<Row>& rows) {
  constexpr auto kFormat = "{:<44} {:>14} {:>16} {:>9} {:>10}  {}\n";
  fmt::print(kFormat, "what", "ours", other_side, "ratio", "bar", "met");
  for (const Row& row : rows) {
    fmt::print(kFormat, row.what, row.ours, row.theirs, fmt::format("{:.2f}", row.ratio), row.bar,
               row.met ? "yes" : "NO");
  }
}

}  // namespace pfcache::bench
