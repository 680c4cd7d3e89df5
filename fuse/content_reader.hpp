// The bytes of files.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "fuse/blob_cache.hpp"
#include "fuse/log.hpp"
#include "fuse/node.hpp"

namespace pfcache::fuse {

/// A stretch of a file: up to two pieces, which stay valid while this lives.
struct FileRange {
  std::array<BlobPtr, 2> blobs;
  std::array<std::span<const std::byte>, 2> pieces;
};

/// Thread-safe.
class ContentReader {
 public:
  /// REQUIRES: `cache` and `log` outlive this object.
  ContentReader(BlobCache& cache, Log& log) : cache_(cache), log_(log) {}

  /// The bytes [offset, offset + size_bytes) of a file, as far as it goes; only blobs that have some of them are read.
  /// REQUIRES: `node` is a file. Throws: EIO, with a line in the log, for a blob that can't be read whole and right.
  [[nodiscard]] FileRange read(const Node& node, std::uint64_t offset, std::uint64_t size_bytes);

 private:
  [[nodiscard]] BlobPtr get_blob(const Node& node, const Digest& digest, std::uint64_t size_bytes);

  BlobCache& cache_;
  Log& log_;
};

}  // namespace pfcache::fuse
