#include "cas/verified_files.hpp"

namespace pfcache {
namespace {

// About 30 MB. A store that has more in use starts to remember anew.
constexpr std::size_t kMaxEntries = std::size_t{1} << 18;

}  // namespace

bool VerifiedFiles::contains(const Digest& digest, const FileStamp& stamp, std::int64_t now_ns) const {
  const std::scoped_lock lock(mutex_);
  const auto entry = entries_.find(digest);
  if (entry == entries_.end() || entry->second.stamp != stamp) return false;
  const std::int64_t age_ns = now_ns - entry->second.verified_ns;
  return age_ns >= 0 && age_ns <= kTrustNs;
}

void VerifiedFiles::add(const Digest& digest, const FileStamp& stamp, std::int64_t now_ns) {
  if (now_ns - stamp.changed_ns < kTickNs) return;
  const std::scoped_lock lock(mutex_);
  if (entries_.size() >= kMaxEntries) entries_.clear();
  entries_.insert_or_assign(digest, Entry{stamp, now_ns});
}

void VerifiedFiles::forget(const Digest& digest) {
  const std::scoped_lock lock(mutex_);
  entries_.erase(digest);
}

}  // namespace pfcache
