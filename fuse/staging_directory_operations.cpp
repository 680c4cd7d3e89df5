// Listing directories that can be written, and making them durable.
//
// An open directory keeps the names that were there when it was first read from the beginning.
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <mutex>
#include <vector>

#include "fuse/staging_operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

struct Listing {
  std::mutex mutex;
  bool is_read = false;  // guarded by mutex, as the next
  std::vector<AreaEntry> entries;
};

Listing& listing_of(const fuse_file_info& file) {
  return *reinterpret_cast<Listing*>(static_cast<std::uintptr_t>(file.fh));
}

bool is_ours(fuse_ino_t ino) { return is_mirror_id(ino) || ino == kRootId; }

std::vector<AreaEntry> real_entries(UniqueFd fd) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd.get()), &::closedir);
  if (!directory) throw Error::from_last_errno("readdir");
  static_cast<void>(fd.release());
  std::vector<AreaEntry> entries;
  while (const dirent* entry = ::readdir(directory.get())) {  // NOLINT(concurrency-mt-unsafe): the stream is our own
    const std::string_view name = entry->d_name;
    if (name == "." || name == "..") continue;
    entries.push_back({std::string(name), entry->d_ino, static_cast<mode_t>(DTTOIF(entry->d_type))});
  }
  return entries;
}

std::vector<AreaEntry> root_entries() {
  std::vector<AreaEntry> entries;
  for (std::uint64_t i = 0; i < child_count(Node{}); ++i) {
    Child child = child_at(Node{}, i);
    entries.push_back({std::move(child.name), content_id(child.node), S_IFDIR});
  }
  for (const RootArea& root : kRootAreas) entries.push_back({std::string(root.name), root.id, S_IFDIR});
  return entries;
}

std::vector<AreaEntry> list_mirror(FileSystem& fs, fuse_ino_t ino) {
  if (ino == kRootId) return root_entries();
  const MirrorPlace place = place_of(fs, mirror_of(fs, ino));
  std::vector<AreaEntry> entries;
  if (fs.writes.files.find(place)) entries = real_entries(fs.writes.files.open_directory(place));
  Area& area = area_of(fs, place);
  area.add_apparitions(fs, place, entries);
  std::erase_if(entries, [&](const AreaEntry& entry) { return !area.is_shown(place.child(entry.name)); });
  std::sort(entries.begin(), entries.end(), [](const AreaEntry& a, const AreaEntry& b) { return a.name < b.name; });
  entries.insert(entries.begin(), {{".", ino, S_IFDIR}, {"..", kUnknownId, S_IFDIR}});
  return entries;
}

// Adds entries from `offset` on until the reply is full; how much of it they take.
std::size_t fill(fuse_req_t req, const std::vector<AreaEntry>& entries, std::size_t offset, bool is_plus,
                 std::vector<char>& reply) {
  std::size_t used = 0;
  for (std::size_t i = offset; i < entries.size(); ++i) {
    const AreaEntry& entry = entries[i];
    fuse_entry_param unnamed{};  // without a number: not looked up
    unnamed.attr.st_ino = entry.id;
    unnamed.attr.st_mode = entry.type;
    const auto next = static_cast<off_t>(i + 1);
    char* const room = reply.data() + used;
    const std::size_t room_bytes = reply.size() - used;
    const std::size_t taken = is_plus
                                  ? fuse_add_direntry_plus(req, room, room_bytes, entry.name.c_str(), &unnamed, next)
                                  : fuse_add_direntry(req, room, room_bytes, entry.name.c_str(), &unnamed.attr, next);
    if (taken > room_bytes) break;
    used += taken;
  }
  return used;
}

void list(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, const fuse_file_info& file, bool is_plus) {
  answer(req, [&](FileSystem& fs) {
    constexpr std::size_t kMaxReplyBytes = std::size_t{1} << 20;
    std::vector<char> reply(std::min(size, kMaxReplyBytes));
    std::size_t used = 0;
    {
      Listing& listing = listing_of(file);
      const std::scoped_lock lock(listing.mutex);
      if (offset == 0 || !listing.is_read) listing.entries = list_mirror(fs, ino);
      listing.is_read = true;
      used = fill(req, listing.entries, static_cast<std::size_t>(offset), is_plus, reply);
    }
    // Without the lock: once the answer is out the directory may be closed, and the listing gone.
    fuse_reply_buf(req, reply.data(), used);
  });
}

void on_opendir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (!is_ours(ino)) return sealed_operations().opendir(req, ino, file);
  answer(req, [&](FileSystem& /*fs*/) {
    auto listing = std::make_unique<Listing>();
    file->fh = reinterpret_cast<std::uintptr_t>(listing.get());
    if (fuse_reply_open(req, file) == 0) static_cast<void>(listing.release());
  });
}

void on_releasedir(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (!is_ours(ino)) return sealed_operations().releasedir(req, ino, file);
  std::unique_ptr<Listing>(&listing_of(*file)).reset();
  fuse_reply_err(req, 0);
}

void on_readdir(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) noexcept {
  if (!is_ours(ino)) return sealed_operations().readdir(req, ino, size, offset, file);
  list(req, ino, size, offset, *file, false);
}

void on_readdirplus(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) noexcept {
  if (!is_ours(ino)) return sealed_operations().readdirplus(req, ino, size, offset, file);
  list(req, ino, size, offset, *file, true);
}

void sync_directory(FileSystem& fs, const MirrorPlace& place) {
  if (fs.writes.files.find(place)) {
    const UniqueFd directory = fs.writes.files.open_directory(place);
    if (::fsync(directory.get()) != 0) throw Error::from_last_errno("fsync");
  }
  area_of(fs, place).sync(fs, place);
}

void on_fsyncdir(fuse_req_t req, fuse_ino_t ino, int /*is_data_only*/, fuse_file_info* /*file*/) noexcept {
  answer(req, [&](FileSystem& fs) {
    if (is_mirror_id(ino)) sync_directory(fs, place_of(fs, mirror_of(fs, ino)));
    fuse_reply_err(req, 0);
  });
}

}  // namespace

void add_staging_directory_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.readdirplus = on_readdirplus;
  ops.releasedir = on_releasedir;
  ops.fsyncdir = on_fsyncdir;
}

}  // namespace pfcache::fuse
