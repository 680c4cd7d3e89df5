// ROOT/usage: how many bytes all entries have together, about, so that a save needs no look at all of them.
//
//   8 bytes  "PFUSAGE1"
//   u64      when all entries were counted, unix seconds
//   u64      their bytes then
//   i64 …    one for each save since: bytes added, less those of the entry it replaced
//
// Appending is one write, which no other process's gets between, so nobody locks. The sum is what decides when to count
// again and no more, and may be off: by a save that is being made while others count, or whose process died just before
// its append, by entries that gam saved, by what a power failure took, since nothing here is synced. Counting puts it
// right, at the latest a day later. A file that isn't of this shape is as good as none.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "base/directory.hpp"

namespace pfcache {

class UsageLog {
 public:
  struct Usage {
    std::uint64_t bytes = 0;
    std::chrono::seconds counted_at{0};  ///< unix time
  };

  /// REQUIRES: `root` outlives the log.
  explicit UsageLog(const Directory& root) : root_(root) {}

  /// Adds to the sum and gives it; nothing when there is none, because nobody has counted. Throws: system errors.
  std::optional<Usage> add(std::int64_t change_bytes);

  /// The sum; nothing when there is none.
  [[nodiscard]] std::optional<Usage> read() const;

  /// Starts again from a count.
  void reset(const Usage& usage);

 private:
  const Directory& root_;
};

}  // namespace pfcache
