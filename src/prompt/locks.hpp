// Locks between processes. All are flock(2): they belong to an open file, end with it, and no crash leaves one behind.
#pragma once

#include <chrono>

#include "base/directory.hpp"

namespace pfcache {

/// The directory for oneself, among those of our programs that change it. Needs no file of its own.
class DirectoryLock {
 public:
  /// Throws: Errc::busy when others hold it for longer than `wait`; system errors.
  DirectoryLock(const Directory& directory, std::chrono::milliseconds wait);

 private:
  UniqueFd fd_;
};

/// Marks an open temp file as one that is being written, until it is closed.
void lock_temp_file(int fd) noexcept;

/// True when nobody holds the open file.
[[nodiscard]] bool is_unlocked(int fd) noexcept;

/// The header of an open entry for oneself, among those of our programs that change it.
class HeaderLock {
 public:
  explicit HeaderLock(int fd) noexcept;
  ~HeaderLock();
  HeaderLock(const HeaderLock&) = delete;
  HeaderLock& operator=(const HeaderLock&) = delete;

  /// False where files can't be locked.
  [[nodiscard]] bool is_held() const noexcept { return is_held_; }

 private:
  int fd_;
  bool is_held_;
};

/// Counts a hit in an open file and notes the time: both or neither, whatever crashes, and through the descriptor, so
/// that they can't land in a newer file of the name. What stands between the two fields, context size to creation time,
/// is put back as it was read: it says what was saved, and nobody changes it afterwards. Nothing happens to a file that
/// may not be written. Not synced: a count that a crash takes back is no loss.
void touch_prompt(FileOps& ops, int fd, std::uint64_t now_unix_secs) noexcept;

}  // namespace pfcache
