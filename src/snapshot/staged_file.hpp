// A file in a staging directory: written by others, at any time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "base/directory.hpp"
#include "base/file_stamp.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache {

/// The stamp of the regular file `name`; nothing when it is absent. Throws: Errc::mismatch for something else, a
/// symlink included; system errors.
[[nodiscard]] std::optional<FileStamp> stamp_of(const Directory& directory, const std::string& name);

/// False for what is absent, too.
[[nodiscard]] bool is_regular_file(const Directory& directory, const std::string& name) noexcept;

/// One that is open for reading.
class StagedFile {
 public:
  /// Nothing when it is absent. Throws: as stamp_of.
  [[nodiscard]] static std::optional<StagedFile> open(const Directory& directory, const std::string& name);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] int fd() const noexcept { return fd_.get(); }

  /// As of when it was opened.
  [[nodiscard]] const FileStamp& stamp() const noexcept { return stamp_; }

  /// True when nobody has it open for writing or mapped so, here or in the kernel. A shared mapping writes without
  /// changing a file's times until they are written back, so that only then a stamp says everything.
  [[nodiscard]] bool is_settled() const noexcept;

  /// True when the stamp still holds.
  [[nodiscard]] bool is_unchanged() const;

  /// Fills `out` from the beginning. Throws: Errc::mismatch when the file became shorter; system errors.
  void read(std::span<std::byte> out) const;

 private:
  StagedFile(UniqueFd fd, std::string path, const FileStamp& stamp)
      : fd_(std::move(fd)), path_(std::move(path)), stamp_(stamp) {}

  UniqueFd fd_;
  std::string path_;
  FileStamp stamp_;
};

}  // namespace pfcache
