// The real files behind a writable directory, reached by paths below the store that never follow a symlink.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>

#include "fuse/mirror_inodes.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

/// Thread-safe. Everything throws system errors.
class MirrorFiles {
 public:
  explicit MirrorFiles(const std::filesystem::path& store);

  /// The directory at a place, to be used with *at() calls and for reading names.
  [[nodiscard]] UniqueFd open_directory(const MirrorPlace& place) const;

  /// As above; makes what is missing of the way.
  [[nodiscard]] UniqueFd make_directory(const MirrorPlace& place) const;

  /// mkdir(2).
  void make_one_directory(const MirrorPlace& place) const;

  /// An area's own directory, made durably when it is absent. REQUIRES: it is directly in the store.
  void make_root(MirrorArea area) const;

  /// What is at a place; nothing when it, or a directory on the way, is absent.
  [[nodiscard]] std::optional<struct stat> find(const MirrorPlace& place) const;

  /// A regular file. `flags` as open(2)'s; a symlink is ELOOP.
  [[nodiscard]] UniqueFd open_file(const MirrorPlace& place, int flags) const;

  /// renameat2(2). False when both are names of one file, which then both stay.
  [[nodiscard]] bool rename(const MirrorPlace& from, const MirrorPlace& to, unsigned flags) const;

  /// symlinkat(2).
  void make_symlink(const MirrorPlace& place, const char* text) const;

  /// linkat(2).
  void link(const MirrorPlace& from, const MirrorPlace& to) const;

  /// unlinkat(2).
  void remove(const MirrorPlace& place, int flags) const;

 private:
  UniqueFd store_;
};

/// The directory that a place is in. REQUIRES: depth() ≥ 1.
[[nodiscard]] MirrorPlace parent_of(const MirrorPlace& place);

}  // namespace pfcache::fuse
