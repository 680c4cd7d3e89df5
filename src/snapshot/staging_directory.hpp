// What snapshots being written and snapshots arriving have in common: a directory that is in use.
#pragma once

#include <array>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/manifest.hpp"
#include "snapshot/staged_file.hpp"

namespace pfcache {

inline const std::string kManifestFile = "manifest.json";

/// Where the bytes of pages are.
enum class PagePart : std::uint8_t { whole, key, value };

[[nodiscard]] const std::string& directory_of(PagePart part) noexcept;  ///< pages, k, v
[[nodiscard]] std::optional<PagePart> part_named(std::string_view directory) noexcept;
[[nodiscard]] inline std::size_t blobs_in(PagePart part) noexcept { return part == PagePart::whole ? 2 : 1; }

/// A file of pages, by its place.
struct PageFile {
  PagePart part = PagePart::whole;
  PageIndex ix;
  friend bool operator==(const PageFile&, const PageFile&) = default;
};

[[nodiscard]] std::optional<PageFile> page_file_at(std::string_view directory, std::string_view name) noexcept;
[[nodiscard]] std::string path_of(const PageFile& file);

/// The directories of the parts, opened once for many files.
class PartDirectories {
 public:
  /// Throws: ENOTDIR for a symlink.
  explicit PartDirectories(const Directory& root);

  /// Null when it is absent.
  [[nodiscard]] const Directory* find(PagePart part) const noexcept {
    const auto& directory = parts_.at(static_cast<std::size_t>(part));
    return directory ? &*directory : nullptr;
  }

 private:
  std::array<std::optional<Directory>, 3> parts_;
};

/// An open staging directory, flock()ed shared from use() until rest(). Thread-safe.
class StagingDirectory {
 public:
  explicit StagingDirectory(Directory directory);

  [[nodiscard]] const Directory& root() const noexcept { return root_; }

  /// True when it is the same directory, not only one of the same name.
  [[nodiscard]] bool is(const Directory& other) const;

  /// False once it was removed.
  [[nodiscard]] bool is_linked() const;

  /// The subdirectory of a part; nothing when it is absent. Throws: ENOTDIR for a symlink.
  [[nodiscard]] std::optional<Directory> part(PagePart part) const {
    return root_.find_real_directory(directory_of(part));
  }

  /// The page files that are there under their final names, in no order. Other names are left out.
  [[nodiscard]] std::vector<PageFile> page_files() const;

  void use();
  [[nodiscard]] bool is_idle(std::chrono::seconds idle);
  /// Unlocks it when it has not been used for so long.
  bool rest_if_idle(std::chrono::seconds idle);

 private:
  const Directory root_;
  std::mutex mutex_;
  bool is_locked_ = false;                            // guarded by mutex_
  std::chrono::steady_clock::time_point last_use_{};  // guarded by mutex_
};

}  // namespace pfcache
