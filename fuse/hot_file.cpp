#include "fuse/hot_file.hpp"

#include <ctime>

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
  constexpr std::int64_t kNanosPerSecond = 1'000'000'000;
  constexpr std::int64_t kTickNanos = 50'000'000;  // more than one
  const FileStamp stamp = of(fd);
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const std::int64_t secs = now.tv_sec - stamp.ctime.first;
  if (secs > 1) return stamp;
  const std::int64_t age_nanos = secs * kNanosPerSecond + now.tv_nsec - stamp.ctime.second;
  return age_nanos > kTickNanos ? std::optional(stamp) : std::nullopt;
}

bool FileStamp::has_bytes_of(const FileStamp& now) const noexcept {
  if (*this == now) return true;
  return !now.has_name && size_bytes == now.size_bytes && mtime == now.mtime;
}

}  // namespace pfcache::fuse
