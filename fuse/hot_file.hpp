// A file that the kernel can read and map, and how to tell whether somebody has changed it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>

#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

/// Which file it is and when it was changed last. Equal stamps, equal bytes: every change of a file moves its ctime.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size_bytes = 0;
  std::pair<std::int64_t, std::int64_t> mtime;  ///< seconds, nanoseconds
  std::pair<std::int64_t, std::int64_t> ctime;
  bool has_name = true;  ///< false: it was removed, which moves the ctime, too

  /// REQUIRES: `fd` is open. Throws: system errors.
  [[nodiscard]] static FileStamp of(int fd);

  /// The same, but nothing for a file that was changed just now: another change may come within the same tick of the
  /// clock that file times are of, and not move them.
  [[nodiscard]] static std::optional<FileStamp> find_settled(int fd);

  /// True when `now`, a later stamp of the same open file, is of the same bytes: nothing happened, or a removal.
  [[nodiscard]] bool has_bytes_of(const FileStamp& now) const noexcept;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

/// The plain bytes of what a HotKey names, verified.
class HotFile {
 public:
  /// One of the hot store's own. `is_sealed`: nobody can change it.
  HotFile(UniqueFd fd, std::uint64_t size_bytes, bool is_sealed = true) noexcept
      : fd_(std::move(fd)), size_bytes_(size_bytes), is_sealed_(is_sealed) {}

  /// A blob's own file, verified when it had that stamp.
  HotFile(UniqueFd fd, const FileStamp& stamp) noexcept
      : fd_(std::move(fd)), size_bytes_(stamp.size_bytes), is_sealed_(false), stamp_(stamp) {}

  [[nodiscard]] int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  [[nodiscard]] bool is_sealed() const noexcept { return is_sealed_; }

  /// True for a file of the blob store, which is there anyway.
  [[nodiscard]] bool is_blob() const noexcept { return stamp_.has_value(); }

  /// False when it is a blob's file that was changed or removed since. Throws: system errors.
  [[nodiscard]] bool is_current() const { return !stamp_ || *stamp_ == FileStamp::of(fd()); }

  /// False when it is a blob's file that was changed since. One that was removed is good for those who have it.
  [[nodiscard]] bool is_unchanged() const { return !stamp_ || stamp_->has_bytes_of(FileStamp::of(fd())); }

 private:
  UniqueFd fd_;
  std::uint64_t size_bytes_;
  bool is_sealed_;
  std::optional<FileStamp> stamp_;
};

using HotFilePtr = std::shared_ptr<const HotFile>;

}  // namespace pfcache::fuse
