// Where hot files are kept.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "fuse/hot_key.hpp"
#include "fuse/log.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

/// The seam between the hot store and the kind of files it uses. Thread-safe.
class HotBacking {
 public:
  HotBacking() = default;
  HotBacking(const HotBacking&) = delete;
  HotBacking& operator=(const HotBacking&) = delete;
  virtual ~HotBacking() = default;

  /// A new file with these bytes, the right ones for `key`. Throws: system errors (ENOSPC, EMFILE, …).
  [[nodiscard]] virtual UniqueFd make(const HotKey& key, std::span<const std::byte> bytes) = 0;

  /// A file that an earlier process or another one left, its digests checked. One that isn't right is removed.
  [[nodiscard]] virtual std::optional<UniqueFd> find(const HotKey& key) = 0;

  /// Whoever asks next doesn't find the file; those who have it open keep it.
  virtual void remove(const HotKey& key) noexcept = 0;

  /// What earlier processes left, unchecked; the least recently used first.
  [[nodiscard]] virtual std::vector<HotKey> list() = 0;

  /// An empty file like those that hold pages, to try things on. Throws: system errors.
  [[nodiscard]] virtual UniqueFd make_sample() = 0;

  /// True when nobody can change a file that make() gave.
  [[nodiscard]] virtual bool is_sealed() const noexcept = 0;

  /// How many filesystems the files' own one is stacked on, and itself: 1, or 2 for a directory on overlayfs.
  [[nodiscard]] virtual unsigned stack_depth() const = 0;

  /// How messages call it.
  [[nodiscard]] virtual std::string name() const = 0;
};

/// The stack depth of files on the filesystem of `path`, as above. Throws: system errors.
[[nodiscard]] unsigned stack_depth_of(const std::string& path);

/// Sealed files in memory that no directory has.
[[nodiscard]] std::unique_ptr<HotBacking> make_hot_memory();

/// Files in `directory`, which is made when it is absent. They outlive the process, and processes may share them.
/// Throws: system errors, also when the directory's filesystem lacks something that is needed.
[[nodiscard]] std::unique_ptr<HotBacking> make_hot_directory(const std::string& directory, Log& log);

}  // namespace pfcache::fuse
