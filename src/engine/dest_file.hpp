// A file outside the store that appears at its place whole or not at all, over another only when that is wanted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "base/directory.hpp"

namespace pfcache {

/// Written under a hidden name beside its place. The destructor of one that was not published removes it.
class DestFile {
 public:
  /// Takes the space for all of the file now, so that a full disk is found before anything is decoded.
  /// Throws: Errc::already_exists when `dest` is there and `overwrite` isn't set; Errc::not_found for its directory;
  /// Errc::invalid_argument for a path without a file name; system errors (ENOSPC).
  DestFile(const std::filesystem::path& dest, std::uint64_t size_bytes, bool overwrite);

  [[nodiscard]] int fd() const noexcept { return file_.fd(); }
  [[nodiscard]] std::string path() const { return directory_.path_of(name_); }

  /// May be called from many threads at once.
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes) { file_.write_at(offset, bytes); }

  /// Makes the file durable and gives it its name. Throws: Errc::already_exists; system errors.
  void publish();

 private:
  std::unique_ptr<FileOps> ops_;
  std::string name_;
  Directory directory_;
  PendingFile file_;
};

}  // namespace pfcache
