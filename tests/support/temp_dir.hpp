// A directory for one test.
#pragma once

#include <filesystem>

namespace pfcache::test {

/// Makes a directory under $TMPDIR or /tmp and removes it, with all in it, when it goes.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace pfcache::test
