// The filesystem as libfuse calls it.
#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "fuse/attributes.hpp"
#include "fuse/content_xattrs.hpp"
#include "fuse/contents.hpp"
#include "fuse/fuse_api.hpp"
#include "fuse/hot_store.hpp"
#include "fuse/inode_table.hpp"
#include "fuse/log.hpp"
#include "fuse/metrics.hpp"
#include "fuse/open_files.hpp"
#include "fuse/passthrough.hpp"
#include "fuse/read_ahead.hpp"
#include "fuse/scratch_pool.hpp"
#include "fuse/staging_side.hpp"
#include "fuse/store_scan.hpp"
#include "fuse/tree.hpp"

namespace pfcache::fuse {

/// What the filesystem is made of; all of it outlives the FileSystem.
struct FileSystemParts {
  Store& store;
  HotBacking& hot_backing;
  Log& log;
  bool is_writable = false;
  PromptLimits prompt_limits = {};
  WarmStartOptions warm_limits = {};
};

/// Everything the callbacks work on; their userdata. Made before the session and destroyed after it.
struct FileSystem {
  FileSystem(const FileSystemParts& parts, const Ownership& ownership, const HotLimits& hot_limits,
             PassthroughSetup passthrough_setup)
      : store(parts.store),
        log(parts.log),
        tree(parts.store, parts.log),
        attributes(ownership, parts.store.path(), parts.is_writable),
        hot(parts.store.blobs(), parts.hot_backing, hot_limits, parts.log),
        contents(hot, parts.log),
        read_ahead(hot),
        content_xattrs(parts.store),
        passthrough(std::move(passthrough_setup), parts.log),
        store_scan([this](const std::stop_token& stop) { return collect_stats(store, stop); }),
        writes(parts.store, parts.is_writable, parts.prompt_limits, parts.warm_limits) {}

  const Store& store;
  Log& log;
  Tree tree;
  Attributes attributes;
  InodeTable inodes;
  HotStore hot;
  Contents contents;
  ReadAhead read_ahead;
  ContentXattrs content_xattrs;
  OpenFiles open_files;
  ScratchPool scratch;  // for answers to reads
  Passthrough passthrough;
  Metrics metrics;
  StoreScan store_scan;
  StagingSide writes;
  const std::chrono::system_clock::time_point start_time = std::chrono::system_clock::now();
  fuse_session* session = nullptr;  // from mounting on
};

/// The callbacks, for fuse_session_new().
[[nodiscard]] fuse_lowlevel_ops operations() noexcept;

/// The same without the stop watches around them.
[[nodiscard]] fuse_lowlevel_ops untimed_operations() noexcept;

/// The parts of them, in files of their own.
void add_directory_operations(fuse_lowlevel_ops& ops) noexcept;
void add_file_operations(fuse_lowlevel_ops& ops) noexcept;
void add_status_operations(fuse_lowlevel_ops& ops) noexcept;
void add_xattr_operations(fuse_lowlevel_ops& ops) noexcept;

[[nodiscard]] FileSystem& file_system_of(fuse_req_t req) noexcept;

/// The errno for the exception that is being handled. One that nobody foresaw is logged.
[[nodiscard]] int errno_of_current_exception(Log& log) noexcept;

/// Answers a request with an errno, which counts as a failure of the operation.
void reply_error(fuse_req_t req, int error) noexcept;

/// Answers a request by `body(file system)`, or with the errno of what it throws. REQUIRES: body throws nothing after
/// it has replied.
template <typename Body>
void answer(fuse_req_t req, Body&& body) noexcept {
  FileSystem& fs = file_system_of(req);
  try {
    body(fs);
  } catch (...) {
    reply_error(req, errno_of_current_exception(fs.log));
  }
}

/// The node the kernel calls `id`. Throws: ESTALE.
[[nodiscard]] Node node_of(const FileSystem& fs, fuse_ino_t id);

/// A node as an answer that names it. Its lookup is counted: it is to be forgotten when the answer can't be sent.
[[nodiscard]] fuse_entry_param remembered_entry(FileSystem& fs, const Node& node);

/// Answers getxattr and listxattr for a caller who has room for `size` bytes, or asks with 0 how many there are.
void reply_text(fuse_req_t req, std::string_view text, std::size_t size) noexcept;

/// As reply_text(); ENODATA when there is no such attribute.
void reply_xattr(fuse_req_t req, const std::optional<std::string>& text, std::size_t size) noexcept;

/// For how many seconds the kernel may go without asking for a node's attributes again.
[[nodiscard]] double attributes_timeout(NodeKind kind) noexcept;

/// Caching without an end: what is sealed never changes. In seconds; the kernel cuts it to what it can count.
inline constexpr double kForever = 1e9;

}  // namespace pfcache::fuse
