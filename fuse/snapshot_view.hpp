// A sealed snapshot as the mount shows it: its manifest, parsed and made compact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/manifest.hpp"

namespace pfcache::fuse {

/// Immutable, so thread-safe. Pages are reached by row, their place in ascending order of ix.
class SnapshotView {
 public:
  struct Seq {
    std::string name;  ///< of its directory
    std::vector<PageIndex> page_ixs;
  };

  /// `manifest` is what the `manifest_bytes` bytes named `digest` say. Throws: as CacheMeta::page_bytes.
  SnapshotView(const Digest& digest, std::uint64_t manifest_bytes, PageManifest&& manifest);

  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }
  [[nodiscard]] std::uint64_t manifest_bytes() const noexcept { return manifest_bytes_; }

  /// Bytes of each page's K, and of its V.
  [[nodiscard]] std::uint64_t page_bytes() const noexcept { return page_bytes_; }

  /// As in a restore: ascending by ix, of several with one ix the last listed.
  [[nodiscard]] const std::vector<PageEntry>& pages() const noexcept { return pages_; }

  /// The row of the page with the file name `name`; nothing for other names.
  [[nodiscard]] std::optional<std::uint32_t> find_page(std::string_view name) const noexcept;

  /// Ascending by name; of several with one id the last listed.
  [[nodiscard]] const std::vector<Seq>& seqs() const noexcept { return seqs_; }

  /// The row in seqs() of the directory `name`.
  [[nodiscard]] std::optional<std::uint32_t> find_seq(std::string_view name) const noexcept;

 private:
  Digest digest_;
  std::uint64_t manifest_bytes_;
  std::uint64_t page_bytes_;
  std::vector<PageEntry> pages_;
  std::vector<Seq> seqs_;
};

}  // namespace pfcache::fuse
