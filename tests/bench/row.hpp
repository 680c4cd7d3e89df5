// One line of the table of tests/bench/run.sh, printed as JSON for tests/bench/table.py to collect.
#pragma once

#include <cstdio>
#include <string>

#include "pfcache/json_writer.hpp"

namespace pfcache::bench {

enum class Bar { at_least, at_most, none };

/// What was measured on both sides, in one run, on the same bytes. `compared` is what the bar is held against: mostly
/// the ratio of the two.
struct Row {
  std::string what;
  std::string ours;        ///< with its unit
  std::string other;       ///< with its unit; empty when the bar is absolute
  std::string other_side;  ///< what the other side is
  double compared = 0;
  Bar kind = Bar::none;
  double bar = 0;
};

inline void print_row(const Row& row) {
  JsonWriter json;
  json.begin_object();
  json.field("what", row.what).field("ours", row.ours).field("other", row.other).field("other_side", row.other_side);
  json.field("compared", row.compared);
  if (row.kind != Bar::none) json.field(row.kind == Bar::at_least ? "at_least" : "at_most", row.bar);
  std::puts(json.end_object().text().c_str());
  std::fflush(stdout);
}

}  // namespace pfcache::bench
