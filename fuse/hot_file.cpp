#include "fuse/hot_file.hpp"

#include "pfcache/error.hpp"

namespace pfcache::fuse {

FileStamp FileStamp::of(int fd) {
  struct stat found {};
  if (::fstat(fd, &found) != 0) throw Error::from_last_errno("looking at a blob's file");
  return {found.st_dev,
          found.st_ino,
          static_cast<std::uint64_t>(found.st_size),
          {found.st_mtim.tv_sec, found.st_mtim.tv_nsec},
          {found.st_ctim.tv_sec, found.st_ctim.tv_nsec},
          found.st_nlink > 0};
}

bool FileStamp::has_bytes_of(const FileStamp& now) const noexcept {
  if (*this == now) return true;
  return !now.has_name && size_bytes == now.size_bytes && mtime == now.mtime;
}

}  // namespace pfcache::fuse
