// The bytes of files.
#pragma once

#include "fuse/hot_store.hpp"
#include "fuse/log.hpp"
#include "fuse/node.hpp"

namespace pfcache::fuse {

/// What a file holds. REQUIRES: `node` is a file.
[[nodiscard]] HotKey content_of(const Node& node);

/// Thread-safe.
class Contents {
 public:
  /// REQUIRES: `hot` and `log` outlive this object.
  Contents(HotStore& hot, Log& log) : hot_(hot), log_(log) {}

  /// The bytes of a file. REQUIRES: `node` is a file. Throws: EIO, with a line in the log, when one of its blobs can't
  /// be read whole and right.
  [[nodiscard]] HotFilePtr get(const Node& node);

 private:
  HotStore& hot_;
  Log& log_;
};

}  // namespace pfcache::fuse
