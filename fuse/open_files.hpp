// What is open, and how: by passthrough or cached.
//
// The kernel allows one way an inode at a time. Beside an open by passthrough a cached one fails with EIO, and so does
// one by another backing id, even of the same file; beside a cached open one by passthrough does. Pages being what
// readers share, two programs that open one at once must never see that. So the first open of an inode decides, later
// ones join it, and the last release ends it:
//
// - The decision, the count of opens and the id are one entry, changed under one lock. Registering an id under it
//   costs a microsecond and closes the only gap: two first opens that would both register one.
// - An open counts before its answer is sent, so that the kernel never has one that isn't counted here. When the
//   answer can't be sent, the caller was interrupted and the open is taken back.
// - The kernel leaves the mode of the inode before it sends RELEASE for the last open. At a count of zero it is free to
//   go either way, and the id can be closed. A mapping is no exception. A cached one holds its open file, and RELEASE
//   comes after munmap. One by passthrough holds the backing file itself and lets the inode go: it keeps its bytes
//   though the id was closed and the hot file evicted, and a new open may come with a new id or cached.
// - The id holds its file: later opens join it even when the hot file was evicted meanwhile, and no descriptor is spent
//   on that. The file of a cached open is held here, so that its page isn't decoded again for each request, however
//   small the hot store is.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "fuse/hot_store.hpp"

namespace pfcache::fuse {

/// Thread-safe.
class OpenFiles {
 public:
  /// The backing id of an inode that is open, 0 when it is open cached, which now has one open more; nothing when it
  /// isn't open.
  [[nodiscard]] std::optional<int> join(std::uint64_t inode);

  /// As join(), and opens the inode when it isn't: by the id that `open_backing(fd)` gives for `file`; cached when that
  /// is 0 or there is no file. REQUIRES: open_backing throws nothing.
  [[nodiscard]] int open(std::uint64_t inode, const HotFilePtr& file, const std::function<int(int)>& open_backing);

  /// Takes one open back. When it was the last: the backing id to close now, if there is one.
  [[nodiscard]] std::optional<int> release(std::uint64_t inode);

  /// The file of an inode that is open cached; null when none was given yet.
  [[nodiscard]] HotFilePtr file(std::uint64_t inode) const;

  /// Keeps `file` for the inode as long as it is open.
  void set_file(std::uint64_t inode, const HotFilePtr& file);

  /// How many inodes are open.
  [[nodiscard]] std::size_t size() const;

 private:
  struct OpenInode {
    std::uint64_t opens = 0;
    int backing_id = 0;
    HotFilePtr file;
  };

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, OpenInode> inodes_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
