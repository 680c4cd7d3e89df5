// In how many snapshots a page is.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "fuse/node.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

/// Counts the sealed snapshots that hold a content, all contents together and when somebody asks: every manifest is
/// read once, and again when snapshots have come or gone. Holds up to kMaxPages pages, 36 MiB when no two are the same;
/// of a store with more it gives no counts. Thread-safe; whoever asks while it counts waits, a second at the limit.
class PageCensus {
 public:
  /// Of all snapshots together.
  static constexpr std::uint64_t kMaxPages = std::uint64_t{1} << 20;

  /// REQUIRES: `store` outlives this object.
  explicit PageCensus(const Store& store, std::uint64_t max_pages = kMaxPages) : store_(store), max_pages_(max_pages) {}

  /// How many sealed snapshots hold a page, or half of one; those whose manifests can't be read don't count. Nothing
  /// when there are too many pages to count. REQUIRES: node.kind is page or half. Throws: system errors.
  [[nodiscard]] std::optional<std::uint32_t> snapshots_with(const Node& node);

 private:
  void refresh();
  void count();
  [[nodiscard]] bool add_ids_of(const Digest& snapshot, std::vector<std::uint64_t>& ids, std::uint64_t& pages) const;
  void tally(std::vector<std::uint64_t> ids);

  const Store& store_;
  const std::uint64_t max_pages_;
  std::mutex mutex_;
  bool is_settled_ = false;            // guarded by mutex_, as all below
  timespec listed_mtime_{};            // of the directory of snapshots when it was listed
  std::vector<Digest> snapshots_;      // that were counted
  bool is_countable_ = false;          // false: too many pages
  std::vector<std::uint64_t> ids_;     // content ids, ascending
  std::vector<std::uint32_t> counts_;  // of each of ids_
};

}  // namespace pfcache::fuse
