// Lookup, attributes and what else every inode has.
#include "fuse/staging_operations.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "fuse/arriving_area.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// Bytes come and go past the daemon, so that only directories keep what was said about them.
double attribute_timeout(const MirrorInode& inode) { return inode.type == S_IFDIR ? 1 : 0; }

// Where a directory of a sealed snapshot would be if it still arrived.
std::optional<MirrorPlace> place_of_sealed(const Node& node) {
  if (!node.snapshot) return std::nullopt;
  MirrorPlace place{MirrorArea::arriving, {node.snapshot->digest().hex()}};
  switch (node.kind) {
    case NodeKind::snapshot: return place;
    case NodeKind::pages: return place.child("pages");
    case NodeKind::keys: return place.child("k");
    case NodeKind::values: return place.child("v");
    case NodeKind::seqs: return place.child("seqs");
    case NodeKind::seq: return place.child("seqs").child(node.snapshot->seqs()[node.row].name);
    default: return std::nullopt;
  }
}

void lookup_mirror(FileSystem& fs, fuse_req_t req, const MirrorInodePtr& parent, const char* name) {
  MirrorPlace place = place_of(fs, parent).child(name);
  Area& area = area_of(fs, place);
  if (!area.is_shown(place)) return static_cast<void>(fuse_reply_err(req, ENOENT));
  place = area.resolve(fs, place);
  const auto real = fs.writes.files.find(place);
  auto found = real;
  // Inodes of this place, though the store has them: they may yet be written over.
  if (!found && !area.hides_apparition(fs, req, place)) found = area.find_apparition(fs, place, kUnknownId);
  if (!found) {
    area.note_absent(fs, req, place);
    return static_cast<void>(fuse_reply_err(req, ENOENT));
  }
  reply_entry(fs, req, current_inode(fs, parent, place.names.back(), found->st_mode & S_IFMT, real));
}

// The snapshot as those see it who bring it; nothing for everybody else, who sees it sealed or not at all.
std::optional<MirrorPlace> find_arriving(FileSystem& fs, fuse_req_t req, std::string_view name) {
  if (!fs.writes.is_writable || name.size() != Digest::kHexChars) return std::nullopt;
  const auto digest = Digest::try_parse(name);
  if (!digest) return std::nullopt;
  const MirrorPlace place{MirrorArea::arriving, {std::string(name)}};
  const ArrivalPtr known = fs.writes.arrivals.find_known(*digest);
  const bool is_at_work = known && known->is_at_work(fuse_req_ctx(req)->pid);
  if (!is_at_work && fs.store.has_snapshot(*digest)) return std::nullopt;
  const ArrivalPtr arrival = fs.writes.arrivals.find(*digest);
  if (!arrival || (!is_at_work && arrival->snapshot().is_sealed())) return std::nullopt;
  if (!is_at_work) arrival->note_visitor(fuse_req_ctx(req)->pid);
  return place;
}

bool is_answered_as_arriving(fuse_req_t req, const char* name) noexcept {
  FileSystem& fs = file_system_of(req);
  try {
    const auto place = find_arriving(fs, req, name);
    if (!place) return false;
    reply_entry(fs, req, fs.writes.inodes.directory_at(*place));
  } catch (...) {
    reply_error(req, errno_of_current_exception(fs.log));
  }
  return true;
}

// A program that holds a directory of the sealed snapshot open finds there what it is bringing.
bool is_answered_as_in_flight(fuse_req_t req, fuse_ino_t parent_ino, const char* name) noexcept {
  FileSystem& fs = file_system_of(req);
  try {
    const auto place = place_of_sealed(node_of(fs, parent_ino));
    if (!place || !fs.writes.arrivals.find_known(arriving_place(*place).digest)) return false;
    if (!fs.writes.files.find(place->child(name))) return false;
    lookup_mirror(fs, req, fs.writes.inodes.directory_at(*place), name);
  } catch (...) {
    reply_error(req, errno_of_current_exception(fs.log));
  }
  return true;
}

void on_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept {
  if (is_mirror_id(parent))
    return answer(req, [&](FileSystem& fs) { lookup_mirror(fs, req, mirror_of(fs, parent), name); });
  for (const RootArea& root : kRootAreas) {
    if (parent != kRootId || root.name != name) continue;
    return answer(req, [&](FileSystem& fs) { reply_entry(fs, req, fs.writes.inodes.root(root.area)); });
  }
  if (parent == kCatalogId && is_answered_as_arriving(req, name)) return;
  if (is_in_flight(name) && is_answered_as_in_flight(req, parent, name)) return;
  sealed_operations().lookup(req, parent, name);
}

void forget(FileSystem& fs, fuse_ino_t ino, std::uint64_t lookups) noexcept {
  if (is_mirror_id(ino)) {
    fs.writes.inodes.forget(ino, lookups);
  } else {
    fs.inodes.forget(ino, lookups);
  }
}

void on_forget(fuse_req_t req, fuse_ino_t ino, std::uint64_t lookups) noexcept {
  forget(file_system_of(req), ino, lookups);
  fuse_reply_none(req);
}

void on_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) noexcept {
  for (std::size_t i = 0; i < count; ++i) forget(file_system_of(req), forgets[i].ino, forgets[i].nlookup);
  fuse_reply_none(req);
}

void on_getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().getattr(req, ino, file);
  answer(req, [&](FileSystem& fs) {
    const MirrorInodePtr inode = mirror_of(fs, ino);
    const struct stat attributes = attributes_of(fs, inode);
    fuse_reply_attr(req, &attributes, attribute_timeout(*inode));
  });
}

void cut_file(FileSystem& fs, const std::optional<MirrorPlace>& place, int fd, off_t size_bytes) {
  const auto cut = [&] {
    if (::ftruncate(fd, size_bytes) != 0) throw Error::from_last_errno("ftruncate");
  };
  if (!place) return cut();
  area_of(fs, *place).change(fs, *place, fd, {static_cast<std::uint64_t>(size_bytes), FileRange::kToTheEnd}, cut);
}

// Length counts; who owns a file and when it was changed belongs to the mount.
void truncate_mirror(FileSystem& fs, const MirrorInodePtr& inode, off_t size_bytes) {
  const std::scoped_lock lock(inode->open.mutex);
  const auto place = fs.writes.inodes.place_of(inode);
  const auto size = static_cast<std::uint64_t>(size_bytes);
  if (place) area_of(fs, *place).before_truncation(fs, *place, size);
  if (inode->open.opens > 0) {
    inode->open.is_written = true;
    if (inode->open.written && inode->open.written->resize(size)) return;
    return cut_file(fs, place, real_fd(fs, inode), size_bytes);
  }
  if (!place) throw Error::from_errno(ENOENT, "truncate");
  if (!fs.writes.files.find(*place)) {
    const auto apparition = area_of(fs, *place).open_writable_apparition(fs, *place);
    if (apparition && apparition->resize(size)) return;
    area_of(fs, *place).materialize(fs, *place, size_bytes > 0);
  }
  cut_file(fs, place, fs.writes.files.open_file(*place, O_RDWR).get(), size_bytes);
}

void on_setattr(fuse_req_t req, fuse_ino_t ino, struct stat* wanted, int to_set, fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    const bool has_size = (to_set & FUSE_SET_ATTR_SIZE) != 0;
    if (!is_mirror_id(ino)) {
      if (has_size) throw Error::from_errno(EPERM, "what is sealed stays as it is");
      return sealed_operations().getattr(req, ino, file);
    }
    const MirrorInodePtr inode = mirror_of(fs, ino);
    if (has_size) {
      truncate_mirror(fs, inode, wanted->st_size);
      if (file == nullptr) {
        if (const auto place = fs.writes.inodes.place_of(inode)) area_of(fs, *place).after_close(fs, *place);
      }
    }
    const struct stat attributes = attributes_of(fs, inode);
    fuse_reply_attr(req, &attributes, attribute_timeout(*inode));
  });
}

void on_readlink(fuse_req_t req, fuse_ino_t ino) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().readlink(req, ino);
  answer(req, [&](FileSystem& fs) {
    const MirrorPlace place = place_of(fs, mirror_of(fs, ino));
    if (!fs.writes.files.find(place)) {
      fuse_reply_readlink(req, area_of(fs, place).link_text(fs, place).c_str());
      return;
    }
    const UniqueFd directory = fs.writes.files.open_directory(parent_of(place));
    std::string text(PATH_MAX, '\0');
    const ssize_t size = ::readlinkat(directory.get(), place.names.back().c_str(), text.data(), text.size() - 1);
    if (size < 0) throw Error::from_last_errno("readlink");
    text.resize(static_cast<std::size_t>(size));
    fuse_reply_readlink(req, text.c_str());
  });
}

constexpr std::string_view kErrorAttribute = "user.pfcache.error";

// Why a snapshot was not committed, or what of one that arrives didn't match; nothing when all is well.
std::optional<std::string> error_of(FileSystem& fs, fuse_ino_t ino) {
  const auto place = fs.writes.inodes.place_of(mirror_of(fs, ino));
  if (!place || place->depth() != 1) return std::nullopt;
  std::string text;
  if (place->area == MirrorArea::fresh) {
    if (const auto staged = fs.writes.staging.find_new(place->names[0])) text = staged->error();
  } else if (place->area == MirrorArea::arriving) {
    const ArrivalPtr arrival = fs.writes.arrivals.find_known(arriving_place(*place).digest);
    if (arrival) text = arrival->snapshot().error();
  }
  return text.empty() ? std::nullopt : std::optional(text);
}

void on_getxattr(fuse_req_t req, fuse_ino_t ino, const char* name, std::size_t size) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().getxattr(req, ino, name, size);
  answer(req, [&](FileSystem& fs) {
    if (name == kErrorAttribute) return reply_xattr(req, error_of(fs, ino), size);
    const auto place = fs.writes.inodes.place_of(mirror_of(fs, ino));
    reply_xattr(req, place ? area_of(fs, *place).attribute(fs, *place, name) : std::nullopt, size);
  });
}

void on_listxattr(fuse_req_t req, fuse_ino_t ino, std::size_t size) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().listxattr(req, ino, size);
  answer(req, [&](FileSystem& fs) {
    const std::string name = std::string(kErrorAttribute) + '\0';
    reply_text(req, error_of(fs, ino) ? name : "", size);
  });
}

// Set once, before the session begins.
fuse_lowlevel_ops& sealed_slot() noexcept {
  static fuse_lowlevel_ops ops{};
  return ops;
}

}  // namespace

const fuse_lowlevel_ops& sealed_operations() noexcept { return sealed_slot(); }

void add_staging_operations(fuse_lowlevel_ops& ops) noexcept {
  sealed_slot() = ops;
  ops.lookup = on_lookup;
  ops.forget = on_forget;
  ops.forget_multi = on_forget_multi;
  ops.getattr = on_getattr;
  ops.setattr = on_setattr;
  ops.readlink = on_readlink;
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
  add_staging_directory_operations(ops);
  add_staging_file_operations(ops);
  add_staging_name_operations(ops);
}

MirrorInodePtr mirror_of(const FileSystem& fs, fuse_ino_t id) {
  MirrorInodePtr inode = fs.writes.inodes.find(id);
  if (!inode) throw Error::from_errno(ESTALE, fmt::format("inode {}", id));
  return inode;
}

MirrorPlace place_of(const FileSystem& fs, const MirrorInodePtr& inode) {
  auto place = fs.writes.inodes.place_of(inode);
  if (!place) throw Error::from_errno(ENOENT, fmt::format("inode {} was unlinked", inode->id));
  return *std::move(place);
}

namespace {

// What appears under an inode to those who have it open; null when that is a real file, or nobody has.
// REQUIRES, as the next: its open.mutex is held.
const Apparition* open_apparition_of(const MirrorInode& inode) {
  const MirrorInode::OpenState& state = inode.open;
  if (state.written) return state.written.get();
  return state.fd ? nullptr : state.shown.get();
}

// The store's file that is open under an inode; -1 when there is none.
int open_fd_of(const MirrorInode& inode) {
  const Apparition* apparition = open_apparition_of(inode);
  return apparition != nullptr ? apparition->source_fd().value_or(-1) : inode.open.fd.get();
}

// True when the file that is open under an inode is not, or not any more, the one that has its name.
bool is_open_of_another(MirrorInode& inode, const std::optional<struct stat>& real) {
  const std::scoped_lock lock(inode.open.mutex);
  const int fd = open_fd_of(inode);
  if (fd < 0) return false;
  const FileStamp opened = FileStamp::of(fd);
  return !opened.has_name || (real && (real->st_dev != opened.device || real->st_ino != opened.inode));
}

}  // namespace

MirrorInodePtr current_inode(FileSystem& fs, const MirrorInodePtr& parent, std::string_view name, mode_t type,
                             const std::optional<struct stat>& real) {
  MirrorInodePtr inode = fs.writes.inodes.child(parent, name, type);
  const auto place = fs.writes.inodes.place_of(inode);
  if (type != S_IFREG || !place || !area_of(fs, *place).is_open_to_others()) return inode;
  if (!is_open_of_another(*inode, real)) return inode;
  // A rename by this mount moves the file first and then its inode: by now both may be there.
  if (!is_open_of_another(*inode, fs.writes.files.find(*place))) return inode;
  fs.writes.inodes.detach(inode);
  return fs.writes.inodes.child(parent, name, type);
}

namespace {

bool is_makeable(FileSystem& fs, const MirrorPlace& place, mode_t type) {
  try {
    area_of(fs, place).require_makeable(place, type);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

MirrorInodePtr writable_directory(FileSystem& fs, fuse_req_t req, fuse_ino_t id) {
  fs.writes.require_writable();
  if (!is_mirror_id(id)) {
    const auto place = place_of_sealed(node_of(fs, id));
    if (!place) throw Error::from_errno(EPERM, "not in this directory");
    area_of(fs, *place).before_change(fs, req, *place);
    return fs.writes.inodes.directory_at(*place);
  }
  MirrorInodePtr inode = mirror_of(fs, id);
  const MirrorPlace place = place_of(fs, inode);
  area_of(fs, place).before_change(fs, req, place);
  return inode;
}

MirrorInodePtr writable_directory_for(FileSystem& fs, fuse_req_t req, fuse_ino_t id, std::string_view name,
                                      mode_t type) {
  const auto sealed = is_mirror_id(id) ? std::nullopt : place_of_sealed(node_of(fs, id));
  if (sealed && !is_makeable(fs, sealed->child(name), type)) {
    throw Error::from_errno(EPERM, "what is sealed stays as it is");
  }
  return writable_directory(fs, req, id);
}

namespace {

struct stat attributes_of_real(FileSystem& fs, const struct stat& real, const std::optional<MirrorPlace>& place,
                               std::uint64_t id) {
  struct stat attributes = fs.attributes.of_real(real, id);
  if (place) area_of(fs, *place).amend_attributes(fs, *place, attributes);
  return attributes;
}

// /new is there before anything was written.
struct stat empty_directory() {
  struct stat found {};
  found.st_mode = S_IFDIR;
  found.st_nlink = 2;
  return found;
}

// The file that another was renamed over, or what appeared to those who have it open, when its name has gone since.
std::optional<struct stat> find_shown(MirrorInode& inode) {
  const std::scoped_lock lock(inode.open.mutex);
  struct stat found {};
  if (inode.open.replaced && ::fstat(inode.open.replaced.get(), &found) == 0) return found;
  if (!inode.open.shown) return std::nullopt;
  found.st_mode = S_IFREG;
  found.st_size = static_cast<off_t>(inode.open.shown->size_bytes());
  return found;
}

}  // namespace

struct stat attributes_of(FileSystem& fs, const MirrorInodePtr& inode) {
  struct stat found {};
  {
    const std::scoped_lock lock(inode->open.mutex);
    const Apparition* apparition = open_apparition_of(*inode);
    const int fd = open_fd_of(*inode);
    if (fd >= 0) {
      if (::fstat(fd, &found) != 0) throw Error::from_last_errno("fstat");
      if (apparition != nullptr) found.st_size = static_cast<off_t>(apparition->size_bytes());
      return attributes_of_real(fs, found, fs.writes.inodes.place_of(inode), inode->id);
    }
  }
  if (const auto place = fs.writes.inodes.place_of(inode)) {
    if (const auto real = fs.writes.files.find(*place)) return attributes_of_real(fs, *real, place, inode->id);
    if (const auto appears = area_of(fs, *place).find_apparition(fs, *place, inode->id)) return *appears;
    if (place->depth() == 0) return fs.attributes.of_real(empty_directory(), inode->id);
  }
  if (const auto shown = find_shown(*inode)) return fs.attributes.of_real(*shown, inode->id);
  // Of a file another may have the name by now: the kernel looks it up again, and who asked doesn't notice.
  throw Error::from_errno(inode->type == S_IFDIR ? ENOENT : ESTALE, fmt::format("inode {} was unlinked", inode->id));
}

int real_fd(FileSystem& fs, const MirrorInodePtr& inode) {
  MirrorInode::OpenState& state = inode->open;
  if (state.written) {
    const MirrorPlace place = place_of(fs, inode);
    const auto source = state.written->source_fd();
    const bool is_there = !source || FileStamp::of(*source).has_name;
    // What has the name by now is another file, which nobody has opened here.
    if (!is_there || fs.writes.files.find(place)) throw Error::from_errno(ESTALE, place.path());
    area_of(fs, place).materialize(fs, place, true);
    state.fd = fs.writes.files.open_file(place, O_RDWR);
    state.written.reset();
  }
  if (!state.fd) throw Error::from_errno(EBADF, "no real file");
  return state.fd.get();
}

fuse_entry_param mirror_entry(FileSystem& fs, const MirrorInodePtr& inode, const struct stat& found) {
  fuse_entry_param entry{};
  entry.ino = inode->id;
  entry.attr = found;
  if (inode->type != (found.st_mode & S_IFMT)) throw Error::from_errno(ESTALE, "inode of another type");
  const auto place = fs.writes.inodes.place_of(inode);
  entry.entry_timeout = place ? area_of(fs, *place).entry_timeout(*place) : 0;
  entry.attr_timeout = attribute_timeout(*inode);
  fs.writes.inodes.remember(inode);
  return entry;
}

void reply_entry(FileSystem& fs, fuse_req_t req, const MirrorInodePtr& inode) {
  const fuse_entry_param entry = mirror_entry(fs, inode, attributes_of(fs, inode));
  if (fuse_reply_entry(req, &entry) != 0) fs.writes.inodes.forget(inode->id, 1);
}

}  // namespace pfcache::fuse
