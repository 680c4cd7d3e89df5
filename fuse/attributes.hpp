// What stat(2) says of the nodes.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "fuse/node.hpp"

namespace pfcache::fuse {

/// Who owns everything, and which permission bits nobody gets.
struct Ownership {
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
};

/// Of one mount, from when this object is made. Thread-safe.
class Attributes {
 public:
  Attributes(const Ownership& ownership, std::filesystem::path store, bool is_writable = false);

  /// `id` is the inode's number: content_id(), or what InodeTable gave in its place.
  [[nodiscard]] struct stat of(const Node& node, std::uint64_t id) const;

  /// Of a file or directory in the store that can be written: its size and times, but an owner and rights of the mount.
  [[nodiscard]] struct stat of_real(const struct stat& real, std::uint64_t id) const;

 private:
  [[nodiscard]] struct timespec mtime_of(const Node& node) const noexcept;
  [[nodiscard]] struct timespec catalog_mtime() const noexcept;

  const Ownership ownership_;
  const std::filesystem::path store_;
  const bool is_writable_;
  const struct timespec since_;
};

}  // namespace pfcache::fuse
