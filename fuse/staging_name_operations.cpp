// Names that are made, moved and taken away: mkdir, unlink, rmdir, symlink, link, rename.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "fuse/arriving_area.hpp"
#include "fuse/fresh_area.hpp"
#include "fuse/staging_operations.hpp"
#include "pfcache/catalog.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::fuse {
namespace {

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE
constexpr unsigned kExchange = 2;   // RENAME_EXCHANGE

void reply_done(fuse_req_t req) { fuse_reply_err(req, 0); }

[[noreturn]] void refuse(int errnum, const std::string& what) { throw Error::from_errno(errnum, what); }

// --- /snap: refs, and snapshots that begin to arrive -----------------------------------------------------------------

void make_arriving(FileSystem& fs, fuse_req_t req, const char* name) {
  const auto digest = Digest::try_parse(name);
  if (!digest || digest->hex() != name) refuse(EINVAL, fmt::format("'{}' is not 64 hex digits", name));
  if (fs.store.has_snapshot(*digest)) refuse(EEXIST, name);
  static_cast<void>(arrival_of(fs, req, *digest));
  reply_entry(fs, req, fs.writes.inodes.directory_at({MirrorArea::arriving, {name}}));
}

// The snapshot that the text of a symlink in /snap names: 64 hex digits, as readlink gives them.
Digest target_of(FileSystem& fs, std::string_view text) {
  if (text.starts_with("./")) text.remove_prefix(2);
  if (text.ends_with('/')) text.remove_suffix(1);
  const auto digest = Digest::try_parse(text);
  if (!digest) refuse(EINVAL, fmt::format("'{}' is not 64 hex digits", text));
  if (!fs.store.catalog().contains(*digest)) refuse(ENOENT, fmt::format("no snapshot {}", digest->hex()));
  return *digest;
}

void make_ref(FileSystem& fs, fuse_req_t req, const char* target, const char* name) {
  const Digest digest = target_of(fs, target);
  if (fs.store.catalog().ref(name)) refuse(EEXIST, name);
  const WriterLease lease = fs.store.lease();
  fs.writes.store.catalog().set_ref(name, digest);
  const auto node = fs.tree.find_child({NodeKind::catalog, 0, nullptr, nullptr}, name);
  if (!node) refuse(ENOENT, name);
  const fuse_entry_param entry = remembered_entry(fs, *node);
  if (fuse_reply_entry(req, &entry) != 0) fs.inodes.forget(entry.ino, 1);
}

void move_ref(FileSystem& fs, const char* from, const char* to, unsigned flags) {
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, "rename of a ref");
  const WriterLease lease = fs.store.lease();
  fs.writes.store.catalog().move_ref(from, to, (flags & kNoReplace) == 0);
}

void commit(FileSystem& fs, const MirrorInodePtr& from, const char* name, const char* to, unsigned flags) {
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, "rename of a snapshot");
  const auto staged = fs.writes.staging.find_new(name);
  if (!staged) refuse(ENOENT, name);
  StagedSnapshot::CommitOptions options;
  options.may_replace = (flags & kNoReplace) == 0;
  options.expected = Digest::try_parse(to);
  if (!options.expected) options.ref = to;
  try {
    write_back_mappings(fs, name);
    const Digest digest = staged->commit(options);
    fs.log.tell(fmt::format("/new/{} committed as {}: {}", name, to, digest.hex()));
  } catch (const Error& error) {
    fs.log.tell(fmt::format("/new/{} is not committed: {}", name, error.what()));
    throw;
  }
  fs.writes.inodes.remove(from, name);
}

// --- directories that mirror real ones -------------------------------------------------------------------------------

void on_mkdir(fuse_req_t req, fuse_ino_t parent_ino, const char* name, mode_t /*mode*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kCatalogId) return make_arriving(fs, req, name);
    const MirrorInodePtr parent = writable_directory_for(fs, req, parent_ino, name, S_IFDIR);
    const MirrorPlace place = place_of(fs, parent).child(name);
    Area& area = area_of(fs, place);
    area.require_makeable(place, S_IFDIR);
    area.make_directory(fs, place);
    area.note_made(fs, place);
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, S_IFDIR));
  });
}

// In the directories of a sealed snapshot only what is on its way there can go. Its views (k, v, seqs) are not there to
// be removed, which rsync --delete, on a directory without them, takes for an answer.
void remove_sealed(FileSystem& fs, fuse_ino_t parent_ino, const char* name, bool is_directory) {
  const Node parent = node_of(fs, parent_ino);
  const auto node = fs.tree.find_child(parent, name);
  const bool is_view = node && node->kind != NodeKind::page && node->kind != NodeKind::manifest &&
                       node->kind != NodeKind::pages && node->kind != NodeKind::snapshot &&
                       node->kind != NodeKind::info_file;
  if (is_view) refuse(is_directory ? ENOTEMPTY : ENOENT, name);
  refuse(node ? EPERM : ENOENT, name);
}

void remove_entry(FileSystem& fs, fuse_req_t req, fuse_ino_t parent_ino, const char* name, int flags) {
  fs.writes.require_writable();
  const bool is_directory = (flags & AT_REMOVEDIR) != 0;
  if (parent_ino == kRootId) refuse(EPERM, name);
  if (parent_ino == kCatalogId && !is_directory) {
    const WriterLease lease = fs.store.lease();
    if (!fs.writes.store.catalog().remove_ref(name)) refuse(Digest::try_parse(name) ? EPERM : ENOENT, name);
    return reply_done(req);
  }
  MirrorInodePtr parent;
  if (parent_ino == kCatalogId) {
    const auto digest = Digest::try_parse(name);
    if (!digest || fs.store.has_snapshot(*digest)) refuse(EPERM, name);
    parent = fs.writes.inodes.root(MirrorArea::arriving);
  } else if (is_mirror_id(parent_ino)) {
    parent = mirror_of(fs, parent_ino);
  } else {
    const Node sealed = node_of(fs, parent_ino);
    const ArrivalPtr arrival = sealed.snapshot ? fs.writes.arrivals.find_known(sealed.snapshot->digest()) : nullptr;
    if (!arrival || !is_in_flight(name)) return remove_sealed(fs, parent_ino, name, is_directory);
    parent = writable_directory(fs, req, parent_ino);
  }
  const MirrorPlace place = place_of(fs, parent).child(name);
  area_of(fs, place).remove(fs, place, flags);
  fs.writes.inodes.remove(parent, name);
  reply_done(req);
}

void on_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) { remove_entry(fs, req, parent, name, 0); });
}

void on_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) { remove_entry(fs, req, parent, name, AT_REMOVEDIR); });
}

void on_symlink(fuse_req_t req, const char* target, fuse_ino_t parent_ino, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kCatalogId) return make_ref(fs, req, target, name);
    const MirrorInodePtr parent = writable_directory_for(fs, req, parent_ino, name, S_IFLNK);
    const MirrorPlace place = place_of(fs, parent).child(name);
    Area& area = area_of(fs, place);
    area.require_makeable(place, S_IFLNK);
    area.require_link_text(fs, place, target);
    fs.writes.files.make_symlink(place, target);
    area.note_made(fs, place);
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, S_IFLNK));
  });
}

void on_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent_ino, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kRootId || parent_ino == kCatalogId) refuse(EPERM, name);
    const MirrorInodePtr parent = writable_directory_for(fs, req, parent_ino, name, S_IFREG);
    const MirrorPlace place = place_of(fs, parent).child(name);
    LinkSource source;
    if (is_mirror_id(ino)) {
      source.place = place_of(fs, mirror_of(fs, ino));
    } else {
      source.sealed = node_of(fs, ino);
    }
    Area& area = area_of(fs, place);
    area.require_makeable(place, S_IFREG);
    area.link(fs, source, place);
    area.note_made(fs, place);
    const auto made = fs.writes.files.find(place);
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, made ? made->st_mode & S_IFMT : S_IFREG));
  });
}

// Whoever has looked a name up may yet open it, when another file has been renamed over it: he gets the one that it
// had.
void keep_replaced(FileSystem& fs, const MirrorInodePtr& inode, const MirrorPlace& place) {
  if (!inode || inode->type != S_IFREG || !fs.writes.files.find(place)) return;
  const std::scoped_lock lock(inode->open.mutex);
  try {
    inode->open.replaced = fs.writes.files.open_file(place, O_RDWR);
    inode->open.had_place = place;
  } catch (const Error&) {
    return;  // that one has to look again
  }
}

void rename_mirror(FileSystem& fs, const MirrorInodePtr& from_parent, const char* name, const MirrorInodePtr& to_parent,
                   const char* new_name, unsigned flags) {
  const MirrorPlace from = place_of(fs, from_parent).child(name);
  const MirrorPlace to = place_of(fs, to_parent).child(new_name);
  if (from.area != to.area) refuse(EXDEV, new_name);
  if ((flags & kExchange) == 0) keep_replaced(fs, fs.writes.inodes.find_child(to_parent, new_name), to);
  if (!area_of(fs, to).rename(fs, from, to, flags)) return;
  if ((flags & kExchange) != 0) {
    fs.writes.inodes.exchange(from_parent, name, to_parent, new_name);
  } else {
    fs.writes.inodes.move(from_parent, name, to_parent, new_name);
  }
}

void on_rename(fuse_req_t req, fuse_ino_t parent_ino, const char* name, fuse_ino_t new_parent_ino, const char* new_name,
               unsigned flags) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    const bool is_to_catalog = new_parent_ino == kCatalogId;
    if (parent_ino == kCatalogId && is_to_catalog) {
      move_ref(fs, name, new_name, flags);
      return reply_done(req);
    }
    if (parent_ino == kNewId && is_to_catalog) {
      OperationTimer::turn_into(MountOperation::commit);
      commit(fs, fs.writes.inodes.root(MirrorArea::fresh), name, new_name, flags);
      return reply_done(req);
    }
    for (const fuse_ino_t id : {parent_ino, new_parent_ino}) {
      if (id == kCatalogId || id == kRootId) refuse(id == kRootId ? EPERM : EXDEV, new_name);
    }
    const MirrorInodePtr from = writable_directory(fs, req, parent_ino);
    const MirrorInodePtr to = writable_directory(fs, req, new_parent_ino);
    rename_mirror(fs, from, name, to, new_name, flags);
    reply_done(req);
  });
}

void on_mknod(fuse_req_t req, fuse_ino_t /*parent*/, const char* name, mode_t /*mode*/, dev_t /*device*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    refuse(EPERM, name);
  });
}

}  // namespace

void add_staging_name_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.mkdir = on_mkdir;
  ops.unlink = on_unlink;
  ops.rmdir = on_rmdir;
  ops.symlink = on_symlink;
  ops.link = on_link;
  ops.rename = on_rename;
  ops.mknod = on_mknod;
}

}  // namespace pfcache::fuse
