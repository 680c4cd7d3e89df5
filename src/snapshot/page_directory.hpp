// The pages of a directory that has the shape a snapshot has under a mount; read only.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/manifest.hpp"

namespace pfcache {

/// pages/ with K and V in one file, or k/ and v/ with the halves apart. Where both are, as under a mount, pages/
/// counts.
class PageDirectory {
 public:
  /// An absent pages/ (and k/ and v/) is taken for an empty one. Throws: Errc::not_found when one of k/ and v/ is
  /// absent; system errors.
  explicit PageDirectory(const Directory& root);

  /// The pages that are there, ascending. Names with a dot in front are files in flight (rsync's) and left out.
  /// Throws: Errc::malformed for any other name that is no page's; Errc::not_found for a page with one half only.
  [[nodiscard]] std::vector<PageIndex> pages() const;

  /// Reads a page. `bytes` is filled with K, then V. Thread-safe.
  /// Throws: Errc::not_found, and Errc::malformed for another size; both name the file.
  void read(PageIndex ix, std::span<std::byte> bytes) const;

  /// The file, or the two files, of a page, for messages.
  [[nodiscard]] std::string describe(PageIndex ix) const;

 private:
  std::optional<Directory> whole_;
  std::optional<Directory> k_;
  std::optional<Directory> v_;
  std::string root_path_;
};

}  // namespace pfcache
