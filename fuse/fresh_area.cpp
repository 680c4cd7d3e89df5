#include "fuse/fresh_area.hpp"

#include <atomic>
#include <cerrno>

#include "fuse/operations.hpp"
#include "pfcache/catalog.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {

void FreshArea::require_makeable(const MirrorPlace& place, mode_t type) const {
  if (place.depth() > 1 || (type == S_IFDIR && is_valid_name(place.names[0]))) return;
  throw Error::from_errno(EINVAL, place.path());
}

// Names in /new itself, like those in /snap, can change their meaning at any time. Below, others change them rarely.
double FreshArea::entry_timeout(const MirrorPlace& place) const noexcept { return place.depth() > 1 ? 1 : 0; }

void FreshArea::make_directory(FileSystem& fs, const MirrorPlace& place) {
  if (place.depth() > 1) return Area::make_directory(fs, place);
  fs.writes.staging.make_new(place.names[0]);
}

void FreshArea::link(FileSystem& fs, const LinkSource& source, const MirrorPlace& place) {
  if (!source.place || source.place->area != place.area) throw Error::from_errno(EXDEV, place.path());
  fs.writes.files.link(*source.place, place);
  after_close(fs, place);
}

void FreshArea::after_close(FileSystem& fs, const MirrorPlace& place) {
  if (place.depth() < 2) return;
  if (const auto staged = fs.writes.staging.find_new(place.names[0])) {
    staged->note_closed(place.subdirectory(), place.names.back());
  }
}

void FreshArea::sync(FileSystem& fs, const MirrorPlace& directory) {
  if (directory.depth() == 0 || !fs.writes.is_writable) return;
  write_back_mappings(fs, directory.names[0]);
  if (const auto staged = fs.writes.staging.find_new(directory.names[0])) staged->sync();
}

bool FreshArea::rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  if ((from.depth() == 1) != (to.depth() == 1)) throw Error::from_errno(EPERM, to.path());
  require_makeable(to, to.depth() == 1 ? S_IFDIR : S_IFREG);
  const bool is_moved = fs.writes.files.rename(from, to, flags);
  if (is_moved) after_close(fs, to);
  return is_moved;
}

namespace {

// The kernel's writes come while the thread waits for them: they need another.
class WriteBackTurn {
 public:
  // Throws: EBUSY when too many wait already.
  explicit WriteBackTurn(std::atomic<int>& free) : free_(free) {
    if (free_.fetch_sub(1) > 0) return;
    free_.fetch_add(1);
    throw Error::from_errno(EBUSY, "too many mappings are written back at once");
  }
  ~WriteBackTurn() { free_.fetch_add(1); }
  WriteBackTurn(const WriteBackTurn&) = delete;
  WriteBackTurn& operator=(const WriteBackTurn&) = delete;

 private:
  std::atomic<int>& free_;
};

}  // namespace

// By passthrough a mapping is one of the real file, and nothing is to be done. Otherwise its pages are the mount's, and
// the kernel writes those that are dirty before it lets go of them.
void write_back_mappings(FileSystem& fs, std::string_view name) {
  for (const MirrorInodePtr& inode : fs.writes.inodes.all()) {
    {
      const std::scoped_lock lock(inode->open.mutex);
      if (inode->open.opens == 0 || !inode->open.is_written || inode->open.backing_id > 0) continue;
    }
    const auto place = fs.writes.inodes.place_of(inode);
    if (!place || place->area != MirrorArea::fresh || place->names[0] != name) continue;
    const WriteBackTurn turn(fs.writes.free_write_backs);
    fuse_lowlevel_notify_inval_inode(fs.session, inode->id, 0, 0);
  }
}

}  // namespace pfcache::fuse
