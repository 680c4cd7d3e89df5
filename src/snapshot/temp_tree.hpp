// A directory that appears under its name whole or not at all. For places outside a store.
#pragma once

#include <filesystem>

namespace pfcache {

/// Makes a directory beside `dest` under a temporary name; commit() gives it the name, and without it the destructor
/// removes all of it. It is not synced: this is for output, which like that of cp is made again after a crash.
class TempTree {
 public:
  /// Throws: Errc::already_exists when `dest` is something else than an empty directory; Errc::not_found when there
  /// is no directory for it to be in; system errors.
  explicit TempTree(const std::filesystem::path& dest);
  TempTree(const TempTree&) = delete;
  TempTree& operator=(const TempTree&) = delete;
  ~TempTree();

  /// Where to write until then.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Throws: Errc::already_exists when something has come to be at `dest` meanwhile; system errors.
  void commit();

 private:
  std::filesystem::path dest_;
  std::filesystem::path path_;  // empty once committed
};

}  // namespace pfcache
