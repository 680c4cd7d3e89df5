#include "fuse/verified_blobs.hpp"

namespace pfcache::fuse {

bool VerifiedBlobs::has(const Digest& digest, const FileStamp& stamp) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(digest);
  return found != files_.end() && found->second == stamp;
}

void VerifiedBlobs::add(const Digest& digest, const FileStamp& stamp) {
  const std::lock_guard lock(mutex_);
  if (files_.size() >= kMaxFiles) files_.clear();
  files_.insert_or_assign(digest, stamp);
}

}  // namespace pfcache::fuse
