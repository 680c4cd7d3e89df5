// The seam through which every change to a store goes.
//
// One virtual function for each system call that changes a directory tree, shaped like the call: -1 and errno on
// failure. Production code has one implementation; tests put theirs in its place to record what was done, to fail the
// n-th call, and to reconstruct what a crash would leave when whatever was not synced is lost. Reading does not go
// through here.
#pragma once

#include <sys/types.h>

#include <cstddef>

namespace pfcache {

class FileOps {
 public:
  virtual ~FileOps() = default;

  /// openat(2) for writing; `flags` hold O_CREAT or O_WRONLY.
  virtual int open(int dir_fd, const char* name, int flags, mode_t mode);
  virtual ssize_t write(int fd, const void* bytes, size_t size_bytes);
  virtual ssize_t pwrite(int fd, const void* bytes, size_t size_bytes, off_t offset);
  /// posix_fallocate(3), with errno set and -1 returned on failure.
  virtual int allocate(int fd, off_t size_bytes);
  /// ftruncate(2).
  virtual int resize(int fd, off_t size_bytes);
  virtual int fsync(int fd);
  virtual int rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to);
  virtual int unlink(int dir_fd, const char* name, int flags);
  /// utimensat(2): sets both times of `name` to now.
  virtual int touch(int dir_fd, const char* name);
  /// fsetxattr(2), making or replacing the attribute.
  virtual int set_attribute(int fd, const char* name, const void* bytes, size_t size_bytes);
  /// fremovexattr(2).
  virtual int remove_attribute(int fd, const char* name);
  virtual int mkdir(int dir_fd, const char* name, mode_t mode);
};

/// The system's own calls.
[[nodiscard]] FileOps& system_file_ops() noexcept;

}  // namespace pfcache
