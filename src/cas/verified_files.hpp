// Blob files that this process has compared with their bytes, and that nobody has changed since.
#pragma once

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include "base/file_stamp.hpp"
#include "pfcache/digest.hpp"

namespace pfcache {

/// Lets a put of known bytes go at the speed of hashing: a conversation is captured again and again, and comparing the
/// files of all its older pages each time would cost more than the hash.
///
/// Damage is repaired all the same. Whatever writes to the file, or puts another in its place, changes the stamp. What
/// rots below an unchanged file is found by whoever reads it: a read of this process that fails forgets the file, and
/// what other processes find is believed anew after kTrustNs at the latest. Thread-safe.
class VerifiedFiles {
 public:
  /// For how long a comparison is good.
  static constexpr std::int64_t kTrustNs = std::int64_t{10} * 60 * 1'000'000'000;

  /// A file that changed less than this before it was compared may have been changed again in the same tick of its
  /// filesystem's clock: it is not remembered.
  static constexpr std::int64_t kTickNs = std::int64_t{2} * 1'000'000'000;

  [[nodiscard]] bool contains(const Digest& digest, const FileStamp& stamp, std::int64_t now_ns) const;

  /// `stamp` was taken before the comparison began, at `now_ns`.
  void add(const Digest& digest, const FileStamp& stamp, std::int64_t now_ns);

  void forget(const Digest& digest);

 private:
  struct Entry {
    FileStamp stamp;
    std::int64_t verified_ns = 0;
  };

  mutable std::mutex mutex_;
  std::unordered_map<Digest, Entry> entries_;  // guarded by mutex_
};

}  // namespace pfcache
