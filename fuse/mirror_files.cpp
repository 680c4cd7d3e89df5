#include "fuse/mirror_files.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// A file that is made gets no more rights than its owner needs; what the mount shows is another matter.
constexpr mode_t kFileMode = 0644;
constexpr mode_t kDirectoryMode = 0755;

UniqueFd open_beneath(int directory, const std::string& path, int flags, mode_t mode = 0) {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) != 0 ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  while (true) {
    const auto fd = static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how));
    if (fd >= 0 || (errno != EINTR && errno != EAGAIN)) return UniqueFd(fd);
  }
}

bool is_one_file(const std::optional<struct stat>& a, const std::optional<struct stat>& b) {
  return a && b && a->st_ino == b->st_ino && a->st_dev == b->st_dev;
}

}  // namespace

MirrorPlace parent_of(const MirrorPlace& place) {
  MirrorPlace parent = place;
  parent.names.pop_back();
  return parent;
}

MirrorFiles::MirrorFiles(const std::filesystem::path& store)
    : store_(::open(store.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (!store_) throw Error::from_last_errno("cannot open " + store.native());
}

UniqueFd MirrorFiles::open_directory(const MirrorPlace& place) const {
  UniqueFd fd = open_beneath(store_.get(), place.path(), O_RDONLY | O_DIRECTORY);
  if (!fd) throw Error::from_last_errno(place.path());
  return fd;
}

UniqueFd MirrorFiles::make_directory(const MirrorPlace& place) const {
  UniqueFd fd = open_beneath(store_.get(), place.path(), O_RDONLY | O_DIRECTORY);
  if (fd) return fd;
  if (errno != ENOENT || place.depth() == 0) throw Error::from_last_errno(place.path());
  const UniqueFd parent = make_directory(parent_of(place));
  if (::mkdirat(parent.get(), place.names.back().c_str(), kDirectoryMode) != 0 && errno != EEXIST) {
    throw Error::from_last_errno(place.path());
  }
  return open_directory(place);
}

void MirrorFiles::make_one_directory(const MirrorPlace& place) const {
  const UniqueFd parent = open_directory(parent_of(place));
  if (::mkdirat(parent.get(), place.names.back().c_str(), kDirectoryMode) != 0) {
    throw Error::from_last_errno(place.path());
  }
}

void MirrorFiles::make_root(MirrorArea area) const {
  const MirrorPlace root{area, {}};
  if (::mkdirat(store_.get(), root.path().c_str(), kDirectoryMode) != 0) {
    if (errno == EEXIST) return;
    throw Error::from_last_errno(root.path());
  }
  // The store's own descriptor is one by which nothing can be synced.
  const UniqueFd store = open_beneath(store_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!store || ::fsync(store.get()) != 0) throw Error::from_last_errno("fsync of the store");
}

std::optional<struct stat> MirrorFiles::find(const MirrorPlace& place) const {
  const UniqueFd fd = open_beneath(store_.get(), place.path(), O_PATH | O_NOFOLLOW);
  struct stat found {};
  if (fd) {
    if (::fstat(fd.get(), &found) != 0) throw Error::from_last_errno(place.path());
    return found;
  }
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  throw Error::from_last_errno(place.path());
}

UniqueFd MirrorFiles::open_file(const MirrorPlace& place, int flags) const {
  UniqueFd fd = open_beneath(store_.get(), place.path(), flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, kFileMode);
  if (!fd) throw Error::from_last_errno(place.path());
  return fd;
}

bool MirrorFiles::rename(const MirrorPlace& from, const MirrorPlace& to, unsigned flags) const {
  const bool stays = is_one_file(find(from), find(to));
  const UniqueFd from_directory = open_directory(parent_of(from));
  const UniqueFd to_directory = open_directory(parent_of(to));
  if (::syscall(SYS_renameat2, from_directory.get(), from.names.back().c_str(), to_directory.get(),
                to.names.back().c_str(), flags) != 0) {
    throw Error::from_last_errno(to.path());
  }
  return !stays;
}

void MirrorFiles::make_symlink(const MirrorPlace& place, const char* text) const {
  const UniqueFd directory = open_directory(parent_of(place));
  if (::symlinkat(text, directory.get(), place.names.back().c_str()) != 0) throw Error::from_last_errno(place.path());
}

void MirrorFiles::link(const MirrorPlace& from, const MirrorPlace& to) const {
  const UniqueFd from_directory = open_directory(parent_of(from));
  const UniqueFd to_directory = open_directory(parent_of(to));
  if (::linkat(from_directory.get(), from.names.back().c_str(), to_directory.get(), to.names.back().c_str(), 0) != 0) {
    throw Error::from_last_errno(to.path());
  }
}

void MirrorFiles::remove(const MirrorPlace& place, int flags) const {
  const UniqueFd directory = open_directory(parent_of(place));
  if (::unlinkat(directory.get(), place.names.back().c_str(), flags) != 0) throw Error::from_last_errno(place.path());
}

}  // namespace pfcache::fuse
