// Files: open, read, release.
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <optional>
#include <span>

#include "fuse/file_bytes.hpp"
#include "fuse/open_info.hpp"
#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// A manifest is read once and parsed, by programs that do so with read(2): it isn't worth a backing id.
bool may_pass_through(const FileSystem& fs, const Node& node) {
  return fs.passthrough.is_on() && (node.kind == NodeKind::page || node.kind == NodeKind::half);
}

void count_open(Metrics& metrics, NodeKind kind, bool is_hot) noexcept {
  metrics.add(kind == NodeKind::page   ? MountValue::page_opens
              : kind == NodeKind::half ? MountValue::half_opens
                                       : MountValue::manifest_opens);
  metrics.add(is_hot ? MountValue::hot_hits : MountValue::hot_misses);
}

// One more open of the file; the backing id, or 0 for a cached one. By passthrough all of the file is decoded and
// verified first, so that damage fails the open; cached, it fails the first read.
int open_file(FileSystem& fs, fuse_ino_t ino, const Node& node) {
  fs.read_ahead.note_open(node);
  const bool is_hot = fs.hot.has(content_of(node));
  count_open(fs.metrics, node.kind, is_hot);
  HotFilePtr file;
  // Also for an inode that is open: what is held may be a blob's own file, and not what it was any more.
  if (is_hot || fs.hot.verifies() == VerifyWhen::always) file = fs.contents.get(node);
  if (const std::optional<int> joined = fs.open_files.join(ino)) return *joined;
  if (!may_pass_through(fs, node)) return fs.open_files.open(ino, nullptr, {});
  if (file == nullptr) file = fs.contents.get(node);
  return fs.open_files.open(ino, file, [&](int fd) { return fs.passthrough.open_backing(fd); });
}

void release_file(FileSystem& fs, fuse_ino_t ino) noexcept {
  if (const std::optional<int> last = fs.open_files.release(ino)) fs.passthrough.close_backing(*last);
}

void on_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if ((file->flags & O_ACCMODE) != O_RDONLY || (file->flags & O_TRUNC) != 0) {
    reply_error(req, EROFS);
    return;
  }
  answer(req, [&](FileSystem& fs) {
    const Node node = node_of(fs, ino);
    if (file_type_of(node.kind) != S_IFREG) throw Error::from_errno(EISDIR, "open");
    if (node.kind == NodeKind::info_file) return open_info(fs, req, node, *file);
    const int backing_id = open_file(fs, ino, node);
    if (backing_id == 0 && may_pass_through(fs, node) && fs.passthrough.is_required()) {
      release_file(fs, ino);
      throw Error::from_errno(EIO, "passthrough=require");
    }
    file->keep_cache = 1;
    file->noflush = 1;
    if (backing_id > 0) fs.metrics.add(MountValue::passthrough_opens);
    const int sent = backing_id > 0 ? fs.passthrough.reply_open(req, *file, backing_id) : fuse_reply_open(req, file);
    if (sent != 0) release_file(fs, ino);
  });
}

// The page stays with the open file, so that a hot store smaller than it doesn't decode it for every request.
HotFilePtr file_of(FileSystem& fs, fuse_ino_t ino) {
  HotFilePtr file = fs.open_files.file(ino);
  if (file != nullptr && file->is_unchanged()) return file;
  file = fs.contents.get(node_of(fs, ino));
  fs.open_files.set_file(ino, file);
  return file;
}

// Sends the bytes; false when somebody has touched a blob's own file meanwhile, so that they must not be believed.
bool reply_bytes(FileSystem& fs, fuse_req_t req, const HotFile& file, std::uint64_t start, std::uint64_t size_bytes) {
  return fs.scratch.with(size_bytes, [&](std::span<std::byte> bytes) {
    const bool is_whole = read_at(file.fd(), start, bytes);
    if (!file.is_unchanged()) return false;
    // Somebody cut it. The kernel would take a short answer for the end of the file.
    if (!is_whole) throw Error::from_errno(EIO, "a hot file is too short");
    fs.metrics.add(MountValue::read_bytes, bytes.size());
    fuse_reply_buf(req, reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return true;
  });
}

void on_read(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* opened) noexcept {
  if (is_info(*opened)) return read_info(req, *opened, size, offset);
  // A file that is touched again and again, and is right each time, is still no reason to wait for ever.
  constexpr int kAttempts = 3;
  answer(req, [&](FileSystem& fs) {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const HotFilePtr file = file_of(fs, ino);
      const std::uint64_t start = std::min(static_cast<std::uint64_t>(offset), file->size_bytes());
      if (reply_bytes(fs, req, *file, start, std::min<std::uint64_t>(size, file->size_bytes() - start))) return;
    }
    throw Error::from_errno(EIO, "a blob's file changes while it is read");
  });
}

void on_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (is_info(*file)) {
    close_info(*file);
  } else {
    release_file(file_system_of(req), ino);
  }
  fuse_reply_err(req, 0);
}

}  // namespace

void add_file_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.open = on_open;
  ops.read = on_read;
  ops.release = on_release;
}

}  // namespace pfcache::fuse
