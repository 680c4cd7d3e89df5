#include "base/file_ops.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace pfcache {

int FileOps::open(int dir_fd, const char* name, int flags, mode_t mode) {
  return ::openat(dir_fd, name, flags | O_CLOEXEC, mode);
}

ssize_t FileOps::write(int fd, const void* bytes, size_t size_bytes) { return ::write(fd, bytes, size_bytes); }

ssize_t FileOps::pwrite(int fd, const void* bytes, size_t size_bytes, off_t offset) {
  return ::pwrite(fd, bytes, size_bytes, offset);
}

int FileOps::allocate(int fd, off_t size_bytes) {
  if (size_bytes == 0) return 0;
  const int error = ::posix_fallocate(fd, 0, size_bytes);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

int FileOps::resize(int fd, off_t size_bytes) { return ::ftruncate(fd, size_bytes); }

int FileOps::fsync(int fd) { return ::fsync(fd); }

int FileOps::rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to) {
  return ::renameat(from_dir_fd, from, to_dir_fd, to);
}

int FileOps::unlink(int dir_fd, const char* name, int flags) { return ::unlinkat(dir_fd, name, flags); }

int FileOps::touch(int dir_fd, const char* name) { return ::utimensat(dir_fd, name, nullptr, 0); }

int FileOps::set_attribute(int fd, const char* name, const void* bytes, size_t size_bytes) {
  return ::fsetxattr(fd, name, bytes, size_bytes, 0);
}

int FileOps::remove_attribute(int fd, const char* name) { return ::fremovexattr(fd, name); }

int FileOps::mkdir(int dir_fd, const char* name, mode_t mode) { return ::mkdirat(dir_fd, name, mode); }

FileOps& system_file_ops() noexcept {
  static FileOps ops;
  return ops;
}

}  // namespace pfcache
