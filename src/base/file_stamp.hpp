// What tells whether a file is still the one that was looked at.
#pragma once

#include <sys/stat.h>

#include <cstdint>

namespace pfcache {

/// What changes when a file is written to or replaced: a change can set a file's mtime back, but not its ctime.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::int64_t modified_ns = 0;
  std::int64_t changed_ns = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

[[nodiscard]] FileStamp stamp_of(const struct stat& st) noexcept;

/// The time of now on the clock that stamps are of.
[[nodiscard]] std::int64_t stamp_clock_ns() noexcept;

}  // namespace pfcache
