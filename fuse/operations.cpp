#include "fuse/operations.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <new>
#include <string>

#include "fuse/timed_operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

void on_init(void* userdata, fuse_conn_info* connection) noexcept {
  // Bytes never change under an inode, so there is nothing to notice; and a symlink's text is part of its inode.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
  connection->want |= connection->capable & FUSE_CAP_CACHE_SYMLINKS;
  // By itself the kernel asks for attributes with the first names only, as find, du and rsync read a whole directory
  // before they look at its files; it would then ask for each one alone.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_READDIRPLUS_AUTO);
  static_cast<FileSystem*>(userdata)->passthrough.init(connection);
}

// A miss in a sealed directory is one for ever, which an entry without an inode says. At /snap it may be one for now
// only.
void reply_absent(fuse_req_t req, const Node& parent) {
  if (!is_sealed(parent.kind)) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  fuse_entry_param nothing{};
  nothing.entry_timeout = kForever;
  fuse_reply_entry(req, &nothing);
}

void on_lookup(fuse_req_t req, fuse_ino_t parent_ino, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) {
    const Node parent = node_of(fs, parent_ino);
    const std::optional<Node> child = fs.tree.find_child(parent, name);
    if (!child) return reply_absent(req, parent);
    const fuse_entry_param entry = remembered_entry(fs, *child);
    if (fuse_reply_entry(req, &entry) != 0) fs.inodes.forget(entry.ino, 1);
  });
}

void on_getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* /*file*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    const Node node = node_of(fs, ino);
    const struct stat attributes = fs.attributes.of(node, ino);
    fuse_reply_attr(req, &attributes, attributes_timeout(node.kind));
  });
}

void on_readlink(fuse_req_t req, fuse_ino_t ino) noexcept {
  answer(req, [&](FileSystem& fs) {
    const Node node = node_of(fs, ino);
    if (file_type_of(node.kind) != S_IFLNK) throw Error::from_errno(EINVAL, "readlink");
    const std::string target = link_target(node);
    fuse_reply_readlink(req, target.c_str());
  });
}

void on_statfs(fuse_req_t req, fuse_ino_t /*ino*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    struct statvfs space {};
    if (::statvfs(fs.store.path().c_str(), &space) != 0) throw Error::from_last_errno("statvfs");
    if (!fs.writes.is_writable) space.f_flag |= ST_RDONLY;
    fuse_reply_statfs(req, &space);
  });
}

}  // namespace

fuse_lowlevel_ops operations() noexcept {
  fuse_lowlevel_ops ops = untimed_operations();
  time_operations(ops);
  return ops;
}

fuse_lowlevel_ops untimed_operations() noexcept {
  fuse_lowlevel_ops ops{};
  ops.init = on_init;
  ops.lookup = on_lookup;
  ops.getattr = on_getattr;
  ops.readlink = on_readlink;
  ops.statfs = on_statfs;
  add_directory_operations(ops);
  add_file_operations(ops);
  add_status_operations(ops);
  add_xattr_operations(ops);
  add_staging_operations(ops);
  return ops;
}

FileSystem& file_system_of(fuse_req_t req) noexcept { return *static_cast<FileSystem*>(fuse_req_userdata(req)); }

int errno_of_current_exception(Log& log) noexcept {
  try {
    try {
      throw;
    } catch (const Error& error) {
      return errno_of(error.code());
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    } catch (const std::exception& error) {
      log.tell(fmt::format("unexpected: {}", error.what()));
    }
  } catch (...) {
    // Even the log failed, or something was thrown that is no exception: there is only the errno left to say it.
  }
  return EIO;
}

void reply_error(fuse_req_t req, int error) noexcept {
  file_system_of(req).metrics.note_error(OperationTimer::current(), error);
  fuse_reply_err(req, error);
}

Node node_of(const FileSystem& fs, fuse_ino_t id) {
  std::optional<Node> node = fs.inodes.find(id);
  if (!node) throw Error::from_errno(ESTALE, fmt::format("inode {}", id));
  return *std::move(node);
}

// Only the time of /snap changes, and every path below it is walked through it: with 0 the kernel would ask for its
// permissions again at each step of each program. Names in /snap are another matter, they are never cached. The time of
// what the mount says about itself is now.
double attributes_timeout(NodeKind kind) noexcept {
  constexpr double kCatalogSeconds = 0.1;
  if (kind == NodeKind::info_file) return 0;
  return kind == NodeKind::catalog ? kCatalogSeconds : kForever;
}

fuse_entry_param remembered_entry(FileSystem& fs, const Node& node) {
  const bool may_vanish = node.kind == NodeKind::snapshot || node.kind == NodeKind::ref;
  fuse_entry_param entry{};
  entry.ino = fs.inodes.remember(node);
  entry.attr = fs.attributes.of(node, entry.ino);
  entry.entry_timeout = may_vanish ? 0 : kForever;
  entry.attr_timeout = attributes_timeout(node.kind);
  return entry;
}

}  // namespace pfcache::fuse
