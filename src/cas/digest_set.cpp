#include "cas/digest_set.hpp"

#include <algorithm>
#include <cassert>

namespace pfcache {
namespace {

// Snapshots of one conversation name the same pages again and again: sorting now and then keeps that from piling up.
constexpr std::size_t kMinFresh = std::size_t{1} << 16;

}  // namespace

void DigestSet::insert(const Digest& digest) {
  fresh_.push_back(digest);
  if (fresh_.size() >= std::max(kMinFresh, sorted_.size() / 4)) finish();
}

void DigestSet::finish() {
  std::ranges::sort(fresh_);
  fresh_.erase(std::unique(fresh_.begin(), fresh_.end()), fresh_.end());
  std::erase_if(fresh_, [this](const Digest& digest) { return std::ranges::binary_search(sorted_, digest); });
  // From the back, so that no second copy of all is needed.
  std::size_t left = sorted_.size();
  std::size_t to = left + fresh_.size();
  sorted_.resize(to);
  for (std::size_t right = fresh_.size(); right > 0;) {
    const bool take_left = left > 0 && sorted_[left - 1] > fresh_[right - 1];
    sorted_[--to] = take_left ? sorted_[--left] : fresh_[--right];
  }
  fresh_.clear();
}

bool DigestSet::contains(const Digest& digest) const noexcept {
  assert(fresh_.empty());
  return std::ranges::binary_search(sorted_, digest);
}

}  // namespace pfcache
