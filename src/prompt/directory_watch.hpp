// What others changed in a directory since the last look, without reading it again: inotify, and where that is not to
// be had (its number is limited), the time of the directory's last change.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/directory.hpp"

namespace pfcache {

class DirectoryWatch {
 public:
  struct Changes {
    bool all = false;                  ///< anything may have changed
    std::vector<std::string> entries;  ///< names that came or went
    std::vector<std::string> written;  ///< names whose bytes may have changed
  };

  /// Watches from now on. REQUIRES: `directory` outlives this object.
  explicit DirectoryWatch(const Directory& directory);

  [[nodiscard]] Changes poll();

 private:
  [[nodiscard]] Changes poll_events() const;
  [[nodiscard]] Changes poll_time();

  const Directory* directory_;
  UniqueFd events_;
  std::int64_t seen_ns_ = 0;
};

}  // namespace pfcache
