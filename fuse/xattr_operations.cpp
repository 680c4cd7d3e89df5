// Extended attributes of contents: getxattr, listxattr.
#include <cerrno>
#include <string>

#include "fuse/operations.hpp"

namespace pfcache::fuse {
namespace {

void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, std::size_t size) noexcept {
  answer(req, [&](FileSystem& fs) { reply_xattr(req, fs.content_xattrs.find(node_of(fs, ino), name), size); });
}

void on_listxattr(fuse_req_t req, fuse_ino_t /*ino*/, std::size_t size) noexcept { reply_text(req, "", size); }

}  // namespace

void add_xattr_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
}

void reply_text(fuse_req_t req, std::string_view text, std::size_t size) noexcept {
  if (size == 0) {
    fuse_reply_xattr(req, text.size());
  } else if (size < text.size()) {
    fuse_reply_err(req, ERANGE);
  } else {
    fuse_reply_buf(req, text.data(), text.size());
  }
}

// Not thrown: `ls -l` asks each file for attributes that none has.
void reply_xattr(fuse_req_t req, const std::optional<std::string>& text, std::size_t size) noexcept {
  if (!text) return static_cast<void>(fuse_reply_err(req, ENODATA));
  reply_text(req, *text, size);
}

}  // namespace pfcache::fuse
