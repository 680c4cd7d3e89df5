#include "warm/ranking.hpp"

#include <algorithm>
#include <tuple>

namespace pfcache {
namespace {

auto stamp_of(const WarmRun& it) { return std::tuple(it.written_unix_secs, it.written_nanos); }

bool is_latest(const WarmRun& a, const WarmRun& b) {
  return std::tuple(stamp_of(a), a.kind, std::string_view(a.run)) >
         std::tuple(stamp_of(b), b.kind, std::string_view(b.run));
}

bool is_preferred(const WarmRun& a, const WarmRun& b) {
  if (a.kind != b.kind) return a.kind == EntryKind::final;
  return is_latest(a, b);
}

bool is_lower(const WarmRun& a, const WarmRun& b) {
  if (a.objective && b.objective) return *a.objective < *b.objective;
  return a.objective && !b.objective;
}

/// REQUIRES: `b` isn't lower than `a`.
bool ties(const WarmRun& a, const WarmRun& b) {
  if (a.objective && b.objective) return *b.objective - *a.objective < kObjectiveTie;
  return !a.objective && !b.objective;
}

}  // namespace

void sort_best_first(std::vector<WarmRun>& runs) {
  std::sort(runs.begin(), runs.end(), [](const WarmRun& a, const WarmRun& b) {
    if (is_lower(a, b) || is_lower(b, a)) return is_lower(a, b);
    return is_preferred(a, b);
  });
  // Being within the tie of each other is no order, so it can't be what is sorted by: each place is taken by the
  // preferred of those that tie with the lowest left.
  for (auto place = runs.begin(); place != runs.end(); ++place) {
    const auto end = std::find_if(place, runs.end(), [&](const WarmRun& it) { return !ties(*place, it); });
    const auto best = std::min_element(place, end, is_preferred);
    std::rotate(place, best, best + 1);
  }
}

void sort_latest_first(std::vector<WarmRun>& runs) { std::sort(runs.begin(), runs.end(), is_latest); }

}  // namespace pfcache
