// The filesystem as libfuse calls it.
#pragma once

#include <exception>
#include <functional>
#include <utility>

#include "fuse/attributes.hpp"
#include "fuse/content_reader.hpp"
#include "fuse/fuse_api.hpp"
#include "fuse/inode_table.hpp"
#include "fuse/log.hpp"
#include "fuse/tree.hpp"

namespace pfcache::fuse {

/// Everything the callbacks work on; their userdata. Made before the session and destroyed after it.
struct FileSystem {
  FileSystem(const Store& opened_store, const Ownership& ownership, std::uint64_t hot_size_bytes, Log& log_to)
      : store(opened_store),
        log(log_to),
        tree(opened_store, log_to),
        attributes(ownership, opened_store.path()),
        cache(opened_store.blobs(), hot_size_bytes),
        reader(cache, log_to) {}

  const Store& store;
  Log& log;
  Tree tree;
  Attributes attributes;
  InodeTable inodes;
  BlobCache cache;
  ContentReader reader;
  std::function<void()> on_serving;  ///< called once, when the kernel has begun to ask
};

/// The callbacks, for fuse_session_new().
[[nodiscard]] fuse_lowlevel_ops operations() noexcept;

/// The part of them that lists directories, in a file of its own.
void add_directory_operations(fuse_lowlevel_ops& ops) noexcept;

[[nodiscard]] FileSystem& file_system_of(fuse_req_t req) noexcept;

/// The errno for the exception that is being handled. One that nobody foresaw is logged.
[[nodiscard]] int errno_of_current_exception(Log& log) noexcept;

/// Answers a request by `body(file system)`, or with the errno of what it throws. REQUIRES: body throws nothing after
/// it has replied.
template <typename Body>
void answer(fuse_req_t req, Body&& body) noexcept {
  FileSystem& fs = file_system_of(req);
  try {
    body(fs);
  } catch (...) {
    fuse_reply_err(req, errno_of_current_exception(fs.log));
  }
}

/// The node the kernel calls `id`. Throws: ESTALE.
[[nodiscard]] Node node_of(const FileSystem& fs, fuse_ino_t id);

/// A node as an answer that names it. Its lookup is counted: it is to be forgotten when the answer can't be sent.
[[nodiscard]] fuse_entry_param remembered_entry(FileSystem& fs, const Node& node);

/// For how many seconds the kernel may go without asking for a node's attributes again.
[[nodiscard]] double attributes_timeout(NodeKind kind) noexcept;

/// Caching without an end: what is sealed never changes. In seconds; the kernel cuts it to what it can count.
inline constexpr double kForever = 1e9;

}  // namespace pfcache::fuse
