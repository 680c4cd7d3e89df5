// Names that are made, moved and taken away: mkdir, unlink, rmdir, symlink, link, rename.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

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

bool is_link_name(const ArrivingPlace& where) { return where.subdirectory.starts_with("seqs/"); }

// The text that the symlink of a sequence must have; nothing before the manifest has come.
void require_link(FileSystem& fs, const ArrivingPlace& where, std::string_view name, std::string_view target) {
  if (!is_link_name(where)) refuse(EINVAL, "a symlink belongs into seqs/<id>/");
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  const SnapshotPtr view = arrival ? arrival->view() : nullptr;
  ArrivingPlace wanted = where;
  wanted.name = name;
  if (!view || is_in_flight(wanted)) return;
  const auto page = page_in_sequence(*view, wanted);
  if (page && target == "../../pages/" + page_file_name(*page)) return;
  fs.log.tell(fmt::format("{} of snapshot {} leads to '{}', not to where its manifest says", wanted.path(),
                          where.digest.hex(), target));
  refuse(EBADMSG, wanted.path());
}

void on_mkdir(fuse_req_t req, fuse_ino_t parent_ino, const char* name, mode_t /*mode*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kCatalogId) return make_arriving(fs, req, name);
    if (parent_ino == kNewId) {
      fs.writes.staging.make_new(name);
      return reply_entry(fs, req, fs.writes.inodes.child(fs.writes.inodes.root(MirrorArea::fresh), name, S_IFDIR));
    }
    const MirrorInodePtr parent = writable_directory(fs, req, parent_ino);
    const MirrorPlace place = place_of(fs, parent);
    require_makeable(place.child(name), S_IFDIR);
    const UniqueFd directory = fs.writes.files.open_directory(place);
    constexpr mode_t kMode = 0755;
    if (::mkdirat(directory.get(), name, kMode) != 0) throw Error::from_last_errno(name);
    note_made(fs, place.child(name));
    // With pages/ nothing more is needed when the store has all of them.
    if (place.area == MirrorArea::arriving && place.depth() == 1 && std::string_view(name) == "pages") {
      if (const auto arrival = fs.writes.arrivals.find_known(arriving_place(place).digest)) arrival->snapshot().sync();
    }
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, S_IFDIR));
  });
}

// A page that appeared by itself is in nobody's way any more; it comes back with the next file of that name.
bool hide_apparition(FileSystem& fs, const MirrorPlace& place) {
  const auto node = apparition(fs, place);
  if (!node || file_type_of(node->kind) == S_IFDIR) return false;
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  if (arrival) arrival->hide(where.path());
  return arrival != nullptr;
}

// In the directories of a sealed snapshot only what is on its way there can go. Its views (k, v, seqs) are not there to
// be removed, which rsync --delete, on a directory without them, takes for an answer.
void remove_sealed(FileSystem& fs, fuse_ino_t parent_ino, const char* name, bool is_directory) {
  const Node parent = node_of(fs, parent_ino);
  const auto node = fs.tree.find_child(parent, name);
  const bool is_view = node && node->kind != NodeKind::page && node->kind != NodeKind::manifest &&
                       node->kind != NodeKind::pages && node->kind != NodeKind::snapshot;
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
  const MirrorPlace place = place_of(fs, parent);
  const UniqueFd directory = fs.writes.files.open_directory(place);
  if (::unlinkat(directory.get(), name, flags) != 0) {
    if (errno != ENOENT || is_directory || !hide_apparition(fs, place.child(name))) throw Error::from_last_errno(name);
  } else if (!is_directory) {
    static_cast<void>(hide_apparition(fs, place.child(name)));
  }
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
    const MirrorInodePtr parent = writable_directory(fs, req, parent_ino);
    const MirrorPlace place = place_of(fs, parent);
    require_makeable(place.child(name), S_IFLNK);
    if (place.area == MirrorArea::arriving) require_link(fs, arriving_place(place.child(name)), name, target);
    const UniqueFd directory = fs.writes.files.open_directory(place);
    if (::symlinkat(target, directory.get(), name) != 0) throw Error::from_last_errno(name);
    note_made(fs, place.child(name));
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, S_IFLNK));
  });
}

void link_real(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to) {
  const UniqueFd from_directory = fs.writes.files.open_directory(parent_of(from));
  const UniqueFd to_directory = fs.writes.files.open_directory(parent_of(to));
  if (::linkat(from_directory.get(), from.names.back().c_str(), to_directory.get(), to.names.back().c_str(), 0) != 0) {
    throw Error::from_last_errno(to.names.back());
  }
}

// rsync -H makes pages of one content links of each other.
void link_arriving(FileSystem& fs, fuse_req_t req, const std::optional<MirrorPlace>& from, const Node* sealed,
                   const MirrorInodePtr& parent, const MirrorPlace& place, const char* name) {
  const ArrivingPlace where = arriving_place(place);
  if (from && fs.writes.files.find(*from)) {
    link_real(fs, *from, place);
    after_flush(fs, place);
  } else {
    const auto source = sealed != nullptr ? std::optional(*sealed) : from ? apparition(fs, *from) : std::nullopt;
    const auto there = apparition(fs, place);
    if (!source) refuse(EPERM, name);
    if (!there || !have_same_content(*source, *there)) {
      copy_content(fs, source, place);
      after_flush(fs, place);
    }
  }
  note_made(fs, place);
  reply_entry(fs, req, fs.writes.inodes.child(parent, name, S_IFREG));
}

void on_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent_ino, const char* name) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kRootId || parent_ino == kCatalogId || parent_ino == kNewId) refuse(EPERM, name);
    const MirrorInodePtr parent = writable_directory(fs, req, parent_ino);
    const MirrorPlace place = place_of(fs, parent).child(name);
    require_makeable(place, S_IFREG);
    std::optional<MirrorPlace> from;
    if (is_mirror_id(ino)) from = place_of(fs, mirror_of(fs, ino));
    if (place.area == MirrorArea::arriving) {
      const std::optional<Node> sealed = from ? std::nullopt : std::optional(node_of(fs, ino));
      return link_arriving(fs, req, from, sealed ? &*sealed : nullptr, parent, place, name);
    }
    if (!from || from->area != place.area) refuse(EXDEV, name);
    link_real(fs, *from, place);
    after_close(fs, place);
    const auto made = fs.writes.files.find(place);
    if (!made) refuse(ENOENT, name);
    reply_entry(fs, req, fs.writes.inodes.child(parent, name, made->st_mode & S_IFMT));
  });
}

void rename_real(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  const UniqueFd from_directory = fs.writes.files.open_directory(parent_of(from));
  const UniqueFd to_directory = fs.writes.files.open_directory(parent_of(to));
  if (::syscall(SYS_renameat2, from_directory.get(), from.names.back().c_str(), to_directory.get(),
                to.names.back().c_str(), flags) != 0) {
    throw Error::from_last_errno(to.path());
  }
}

void rename_arriving(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, to.path());
  const ArrivingPlace source = arriving_place(from);
  const ArrivingPlace dest = arriving_place(to);
  require_makeable(to, S_IFREG);
  const bool is_link = is_link_name(dest);
  if (is_in_flight(dest) || is_link || source.subdirectory != dest.subdirectory) {
    rename_real(fs, from, to, flags);
    note_made(fs, to);
    const auto moved = fs.writes.files.find(to);
    if (!moved || S_ISLNK(moved->st_mode)) return;
    return after_flush(fs, to);
  }
  const ArrivalPtr arrival = fs.writes.arrivals.find(dest.digest);
  if (!arrival) refuse(ENOENT, to.path());
  try {
    arrival->snapshot().take(dest.subdirectory, source.name, dest.name);
    note_made(fs, to);
  } catch (const Error& error) {
    fs.log.tell(error.what());
    throw;
  }
}

void rename_mirror(FileSystem& fs, const MirrorInodePtr& from_parent, const char* name, const MirrorInodePtr& to_parent,
                   const char* new_name, unsigned flags) {
  const MirrorPlace from = place_of(fs, from_parent).child(name);
  const MirrorPlace to = place_of(fs, to_parent).child(new_name);
  if (from.area != to.area || from.names[0] != to.names[0]) {
    if (from.area != MirrorArea::fresh || to.area != MirrorArea::fresh) refuse(EXDEV, new_name);
  }
  if (from.area == MirrorArea::arriving) {
    rename_arriving(fs, from, to, flags);
    return fs.writes.inodes.move(from_parent, name, to_parent, new_name);
  }
  if ((from.depth() == 1) != (to.depth() == 1)) refuse(EPERM, new_name);
  require_makeable(to, to.depth() == 1 ? S_IFDIR : S_IFREG);
  const auto moved = fs.writes.files.find(from);
  const auto replaced = fs.writes.files.find(to);
  rename_real(fs, from, to, flags);
  // Two names of one file both stay.
  if (moved && replaced && moved->st_ino == replaced->st_ino && moved->st_dev == replaced->st_dev) return;
  if ((flags & kExchange) != 0) {
    fs.writes.inodes.exchange(from_parent, name, to_parent, new_name);
  } else {
    fs.writes.inodes.move(from_parent, name, to_parent, new_name);
  }
  if (to.depth() > 1) after_close(fs, to);
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

std::optional<PageIndex> page_in_sequence(const SnapshotView& view, const ArrivingPlace& where) {
  constexpr std::string_view kSeqs = "seqs/";
  const auto row = view.find_seq(std::string_view(where.subdirectory).substr(kSeqs.size()));
  const auto position = parse_page_file_name(where.name);
  if (!row || !position) return std::nullopt;
  const auto& pages = view.seqs()[*row].page_ixs;
  if (position->value >= pages.size()) return std::nullopt;
  return pages[position->value];
}

void require_makeable(const MirrorPlace& place, mode_t type) {
  if (place.area == MirrorArea::fresh) {
    if (place.depth() == 1 && (type != S_IFDIR || !is_valid_name(place.names[0]))) refuse(EINVAL, place.path());
    return;
  }
  const ArrivingPlace where = arriving_place(place);
  if (is_in_flight(where)) return;
  if (where.subdirectory.empty()) {
    const bool is_directory = where.name == "pages" || where.name == "k" || where.name == "v" || where.name == "seqs";
    if (type == S_IFDIR ? is_directory : where.name == "manifest.json") return;
  } else if (where.subdirectory == "seqs") {
    if (type == S_IFDIR) return;
  } else if (is_link_name(where)) {
    if (type != S_IFDIR && parse_page_file_name(where.name)) return;
  } else if (type == S_IFREG && parse_page_file_name(where.name)) {
    return;
  }
  refuse(EINVAL, fmt::format("'{}' is no part of a snapshot", where.path()));
}

}  // namespace pfcache::fuse
