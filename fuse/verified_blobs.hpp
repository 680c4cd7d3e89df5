// Which files of the blob store were found to hold what their names say.
#pragma once

#include <cstddef>
#include <mutex>
#include <unordered_map>

#include "fuse/hot_file.hpp"
#include "pfcache/digest.hpp"

namespace pfcache::fuse {

/// Remembers one file a digest, so that it is hashed once in this process as long as nobody touches it. Thread-safe.
class VerifiedBlobs {
 public:
  [[nodiscard]] bool has(const Digest& digest, const FileStamp& stamp) const;
  void add(const Digest& digest, const FileStamp& stamp);

 private:
  // Some 30 MiB. Who is forgotten is only hashed again.
  static constexpr std::size_t kMaxFiles = std::size_t{1} << 18U;

  struct Hash {
    std::size_t operator()(const Digest& digest) const noexcept { return digest.prefix64(); }
  };

  mutable std::mutex mutex_;
  std::unordered_map<Digest, FileStamp, Hash> files_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
