// Listing directories: opendir, readdir, readdirplus, releasedir.
//
// Sealed directories are listed from the snapshot itself: an entry's offset is its index, and nothing is kept between
// calls. /snap changes while it is read, so an open directory keeps the names that were there when it was first
// read from the beginning.
#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::uint64_t kDots = 2;  // "." and ".." come first
constexpr std::size_t kMaxReplyBytes = std::size_t{1} << 20;

// The names of /snap as one open directory sees them.
struct CatalogListing {
  std::mutex mutex;
  std::vector<CatalogEntry> entries;  // guarded by mutex
};

CatalogListing* listing_of(const fuse_file_info& file) {
  return reinterpret_cast<CatalogListing*>(static_cast<std::uintptr_t>(file.fh));
}

// A reply of entries that is being filled. When it is not sent, the lookups it counted are taken back.
class EntryBuffer {
 public:
  EntryBuffer(fuse_req_t req, std::size_t size_bytes)
      : req_(req),
        limit_bytes_(std::min(size_bytes, kMaxReplyBytes)),
        bytes_(std::make_unique_for_overwrite<char[]>(limit_bytes_)) {}

  /// A name with its number and type. False when it doesn't fit.
  bool add(const std::string& name, std::uint64_t id, mode_t type, std::uint64_t next_offset) {
    struct stat attributes {};
    attributes.st_ino = id;
    attributes.st_mode = type;
    const std::size_t size =
        fuse_add_direntry(req_, room(), room_bytes(), name.c_str(), &attributes, to_offset(next_offset));
    return take(size);
  }

  /// The same in the form of readdirplus, which says: not looked up.
  bool add_bare_plus(const std::string& name, std::uint64_t id, mode_t type, std::uint64_t next_offset) {
    fuse_entry_param entry{};
    entry.attr.st_ino = id;
    entry.attr.st_mode = type;
    return take(add_entry(name, entry, next_offset));
  }

  /// A name with all attributes, looked up for good. False when it doesn't fit.
  bool add_plus(FileSystem& fs, const Child& child, std::uint64_t next_offset) {
    const fuse_entry_param unnamed{};
    if (fuse_add_direntry_plus(req_, nullptr, 0, child.name.c_str(), &unnamed, 0) > room_bytes()) return false;
    remembered_.reserve(remembered_.size() + 1);
    const fuse_entry_param entry = remembered_entry(fs, child.node);
    remembered_.push_back(entry.ino);
    return take(add_entry(child.name, entry, next_offset));
  }

  void send(FileSystem& fs) noexcept {
    if (fuse_reply_buf(req_, bytes_.get(), used_bytes_) != 0) forget_all(fs);
  }

  void forget_all(FileSystem& fs) noexcept {
    for (const std::uint64_t id : remembered_) fs.inodes.forget(id, 1);
    remembered_.clear();
  }

 private:
  [[nodiscard]] char* room() const noexcept { return bytes_.get() + used_bytes_; }
  [[nodiscard]] std::size_t room_bytes() const noexcept { return limit_bytes_ - used_bytes_; }
  [[nodiscard]] static off_t to_offset(std::uint64_t offset) noexcept { return static_cast<off_t>(offset); }

  std::size_t add_entry(const std::string& name, const fuse_entry_param& entry, std::uint64_t next_offset) {
    return fuse_add_direntry_plus(req_, room(), room_bytes(), name.c_str(), &entry, to_offset(next_offset));
  }

  bool take(std::size_t size) noexcept {
    if (size > room_bytes()) return false;
    used_bytes_ += size;
    return true;
  }

  fuse_req_t req_;
  const std::size_t limit_bytes_;
  std::unique_ptr<char[]> bytes_;
  std::size_t used_bytes_ = 0;
  std::vector<std::uint64_t> remembered_;
};

// Adds entries from `offset` on, until the buffer is full or none are left.
template <typename AddEntry>
void fill(const Node& dir, std::uint64_t dir_id, std::uint64_t offset, std::uint64_t count, bool is_plus,
          EntryBuffer& buffer, AddEntry&& add_entry) {
  for (; offset < kDots; ++offset) {
    const std::string name = offset == 0 ? "." : "..";
    const std::uint64_t id = offset == 0 ? dir_id : parent_id(dir);
    const bool fits =
        is_plus ? buffer.add_bare_plus(name, id, S_IFDIR, offset + 1) : buffer.add(name, id, S_IFDIR, offset + 1);
    if (!fits) return;
  }
  while (offset - kDots < count && add_entry(offset - kDots, offset + 1)) ++offset;
}

void list_sealed(FileSystem& fs, const Node& dir, std::uint64_t dir_id, std::uint64_t offset, bool is_plus,
                 EntryBuffer& buffer) {
  fill(dir, dir_id, offset, child_count(dir), is_plus, buffer, [&](std::uint64_t index, std::uint64_t next_offset) {
    const Child child = child_at(dir, index);
    if (is_plus) return buffer.add_plus(fs, child, next_offset);
    return buffer.add(child.name, content_id(child.node), file_type_of(child.node.kind), next_offset);
  });
}

// Without attributes even in readdirplus: they would have to be asked for again, as nothing at /snap is cached.
void list_catalog(FileSystem& fs, const Node& dir, std::uint64_t offset, bool is_plus, CatalogListing& listing,
                  EntryBuffer& buffer) {
  const std::lock_guard lock(listing.mutex);
  if (offset == 0) listing.entries = fs.tree.list_catalog();
  fill(dir, kCatalogId, offset, listing.entries.size(), is_plus, buffer,
       [&](std::uint64_t index, std::uint64_t next_offset) {
         const CatalogEntry& entry = listing.entries[index];
         if (is_plus) return buffer.add_bare_plus(entry.name, entry.id, entry.type, next_offset);
         return buffer.add(entry.name, entry.id, entry.type, next_offset);
       });
}

void list(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, const fuse_file_info& file, bool is_plus) {
  answer(req, [&](FileSystem& fs) {
    const Node dir = node_of(fs, ino);
    if (file_type_of(dir.kind) != S_IFDIR) throw Error::from_errno(ENOTDIR, "readdir");
    EntryBuffer buffer(req, size);
    try {
      const auto start = static_cast<std::uint64_t>(offset);
      if (dir.kind == NodeKind::catalog) {
        list_catalog(fs, dir, start, is_plus, *listing_of(file), buffer);
      } else {
        list_sealed(fs, dir, ino, start, is_plus, buffer);
      }
    } catch (...) {
      buffer.forget_all(fs);
      throw;
    }
    buffer.send(fs);
  });
}

void on_opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& /*fs*/) {
    std::unique_ptr<CatalogListing> listing;
    if (ino == kCatalogId) {
      listing = std::make_unique<CatalogListing>();
      file->fh = reinterpret_cast<std::uintptr_t>(listing.get());
    } else {
      file->cache_readdir = 1;
      file->keep_cache = 1;
    }
    // Otherwise releasedir deletes it.
    if (fuse_reply_open(req, file) == 0) static_cast<void>(listing.release());
  });
}

void on_releasedir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (ino == kCatalogId) std::unique_ptr<CatalogListing>(listing_of(*file)).reset();
  fuse_reply_err(req, 0);
}

void on_readdir(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) noexcept {
  list(req, ino, size, offset, *file, false);
}

void on_readdirplus(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) noexcept {
  list(req, ino, size, offset, *file, true);
}

}  // namespace

void add_directory_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.readdirplus = on_readdirplus;
  ops.releasedir = on_releasedir;
}

}  // namespace pfcache::fuse
