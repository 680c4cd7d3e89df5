// Open files of /.pfcache.
//
// An open makes the text, so that all reads of it are of one moment. As in /proc the size is 0, since nobody knows it
// before, and the kernel asks for the bytes past its cache (direct_io); programs that copy by size find an empty file.
#pragma once

#include <cstddef>

#include "fuse/operations.hpp"

namespace pfcache::fuse {

/// Answers the open. REQUIRES: node.kind is info_file. Throws: std::bad_alloc.
void open_info(FileSystem& fs, fuse_req_t req, const Node& node, fuse_file_info& file);

/// True for what open_info() opened: files of contents are opened without a handle.
[[nodiscard]] inline bool is_info(const fuse_file_info& file) noexcept { return file.fh != 0; }

/// Answers a read. REQUIRES: is_info(file).
void read_info(fuse_req_t req, const fuse_file_info& file, std::size_t size, off_t offset) noexcept;

/// REQUIRES: is_info(file), which is not used again.
void close_info(const fuse_file_info& file) noexcept;

}  // namespace pfcache::fuse
