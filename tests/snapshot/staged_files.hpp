// Snapshots in staging directories, as somebody writes them who is no part of the library.
#pragma once

#include <filesystem>
#include <string>

#include "pfcache/manifest.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"

namespace pfcache::test {

/// A synthetic cache of `pages` pages as files.
struct StagedFiles {
  explicit StagedFiles(std::uint32_t pages, std::uint64_t seed = 7) : pager(kSmall) {
    pager.populate_synthetic(pages, seed);
    manifest.meta = kSmall;
    manifest.logical_seqs = pager.logical_seqs();
    for (const PageIndex ix : pager.occupied_pages()) {
      const std::vector<std::byte> bytes = page_of(pager, ix);
      const auto half = kSmall.page_bytes();
      manifest.pages.push_back({ix, sha256(std::span(bytes).first(half)), sha256(std::span(bytes).last(half))});
    }
    manifest.canonicalize();
    json = manifest.to_json();
    digest = sha256(std::as_bytes(std::span(json)));
  }

  [[nodiscard]] std::string bytes_of(std::uint32_t ix) {
    const std::vector<std::byte> bytes = page_of(pager, PageIndex{ix});
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  /// manifest.json without pages, and pages/.
  void write_draft(const std::filesystem::path& dir) {
    PageManifest draft = manifest;
    draft.pages.clear();
    std::string text = draft.to_json();
    text.erase(text.find(R"("pages":[],)"), std::string(R"("pages":[],)").size());
    write_text(dir / "manifest.json", text);
    std::filesystem::create_directory(dir / "pages");
    for (const PageEntry& page : manifest.pages) write_page(dir, page.ix.value);
  }

  void write_page(const std::filesystem::path& dir, std::uint32_t ix) {
    write_text(dir / "pages" / page_file_name(PageIndex{ix}), bytes_of(ix));
  }

  SyntheticCachePager pager;
  PageManifest manifest;
  std::string json;
  Digest digest;
};

}  // namespace pfcache::test
