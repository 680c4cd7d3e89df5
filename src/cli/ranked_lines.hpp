// Lines of which those that matter least go when there is no room for all. A plain value; throws std::bad_alloc alone.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace pfcache::cli {

class RankedLines {
 public:
  /// Adds a line without its end. The higher its rank the sooner it goes; those of one rank go together.
  void add(unsigned rank, std::string line) { lines_.push_back({rank, std::move(line)}); }

  /// As many as fit into `rows`, in the order in which they were added, each with its end.
  [[nodiscard]] std::string text(std::size_t rows) const;

 private:
  struct Line {
    unsigned rank;
    std::string text;
  };

  std::vector<Line> lines_;
};

}  // namespace pfcache::cli
