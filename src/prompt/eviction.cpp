#include "prompt/eviction.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace pfcache {
namespace {

std::uint64_t last_use(const PromptHeader& header) noexcept {
  return header.last_used_unix_secs != 0 ? header.last_used_unix_secs : header.created_unix_secs;
}

}  // namespace

double value_score(const PromptInfo& info, std::uint64_t now_unix_secs) noexcept {
  const std::uint64_t used = last_use(info.header);
  const double age_secs = used < now_unix_secs ? static_cast<double>(now_unix_secs - used) : 0;
  double hits = info.header.hit_count * std::exp2(-age_secs / kHitHalfLifeSecs);
  if (hits < kLeastHits) hits = 0;
  const auto bytes = static_cast<double>(std::max<std::uint64_t>(info.charged_bytes(), 1));
  return (hits + 1) * info.header.token_count / bytes;
}

bool EvictionQueue::goes_later(const Row& a, const Row& b) noexcept {
  return std::tie(a.score, a.used, a.info.header.created_unix_secs, a.info.name) >
         std::tie(b.score, b.used, b.info.header.created_unix_secs, b.info.name);
}

void EvictionQueue::add(const PromptInfo& info) {
  const double score = policy_ == EvictionPolicy::value ? value_score(info, now_) : 0;
  rows_.push_back({score, last_use(info.header), info});
}

void EvictionQueue::order() { std::make_heap(rows_.begin(), rows_.end(), goes_later); }

PromptInfo EvictionQueue::pop() {
  std::pop_heap(rows_.begin(), rows_.end(), goes_later);
  const PromptInfo info = rows_.back().info;
  rows_.pop_back();
  return info;
}

}  // namespace pfcache
