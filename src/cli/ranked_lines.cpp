#include "cli/ranked_lines.hpp"

#include <algorithm>
#include <limits>

namespace pfcache::cli {

std::string RankedLines::text(std::size_t rows) const {
  std::vector<unsigned> ranks;
  for (const Line& line : lines_) ranks.push_back(line.rank);
  std::ranges::sort(ranks);
  // The first rank that has no room left in full.
  const unsigned gone = rows < ranks.size() ? ranks[rows] : std::numeric_limits<unsigned>::max();
  std::string text;
  for (const Line& line : lines_) {
    if (line.rank < gone) text.append(line.text).append("\n");
  }
  return text;
}

}  // namespace pfcache::cli
