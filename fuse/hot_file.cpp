#include "fuse/hot_file.hpp"

#include <chrono>

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

std::optional<FileStamp> FileStamp::find_settled(int fd) {
  constexpr std::chrono::milliseconds kMoreThanATick{50};
  const FileStamp stamp = of(fd);
  const auto changed = std::chrono::seconds(stamp.ctime.first) + std::chrono::nanoseconds(stamp.ctime.second);
  const auto age = std::chrono::system_clock::now().time_since_epoch() - changed;
  return age > kMoreThanATick ? std::optional(stamp) : std::nullopt;
}

bool FileStamp::has_bytes_of(const FileStamp& now) const noexcept {
  if (*this == now) return true;
  return !now.has_name && size_bytes == now.size_bytes && mtime == now.mtime;
}

}  // namespace pfcache::fuse
