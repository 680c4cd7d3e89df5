// Which of several entries is the best.
#pragma once

#include <vector>

#include "pfcache/warm_start_store.hpp"

namespace pfcache {

/// The lowest objective first, those without one last; within kObjectiveTie of the lowest Final comes before
/// Checkpoint, and then the latest written.
void sort_best_first(std::vector<WarmRun>& runs);

/// The latest written first, Final first of those written at once.
void sort_latest_first(std::vector<WarmRun>& runs);

}  // namespace pfcache
