// Which entries go first.
#pragma once

#include <cstdint>
#include <vector>

#include "pfcache/disk_kv_cache.hpp"

namespace pfcache {

/// Hits are worth half as much after this time.
inline constexpr double kHitHalfLifeSecs = 6 * 3600;
/// Hits that are worth less than this count for nothing.
inline constexpr double kLeastHits = 0.01;

/// ds4's score: (hits · 2^(−age / 6 h) + 1) · tokens / bytes. The age is that since the last use, or else since it was
/// made; a time that has not come yet is now.
[[nodiscard]] double value_score(const PromptInfo& info, std::uint64_t now_unix_secs) noexcept;

/// A queue of entries, the first to go first; among equals the older.
class EvictionQueue {
 public:
  EvictionQueue(EvictionPolicy policy, std::uint64_t now_unix_secs) : policy_(policy), now_(now_unix_secs) {}

  void add(const PromptInfo& info);
  /// REQUIRES: before the first pop().
  void order();
  [[nodiscard]] bool empty() const noexcept { return rows_.empty(); }
  [[nodiscard]] PromptInfo pop();

 private:
  struct Row {
    double score;
    std::uint64_t used;
    PromptInfo info;
  };
  [[nodiscard]] static bool goes_later(const Row& a, const Row& b) noexcept;

  EvictionPolicy policy_;
  std::uint64_t now_;
  std::vector<Row> rows_;  // a heap once ordered
};

}  // namespace pfcache
