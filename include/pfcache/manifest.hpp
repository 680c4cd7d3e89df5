// The page manifest: a snapshot's geometry, its pages and its logical sequences (pf-cache 1.0,
// layout `paged-batchinvariant-v1`).
//
// A manifest is JSON. Written canonically it is compact, in a fixed key order, pages by ix and sequences by id;
// the SHA-256 of its bytes, canonical or not, is the snapshot's digest.
//
// Example:
//
//   #include <pfcache/manifest.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::PageManifest manifest{.meta = {16, 2, 2, 8, pfcache::DType::f16}, .pages = {}, .logical_seqs = {}};
//     manifest.pages.push_back({.ix = {0}, .k = {}, .v = {}});
//     const auto again = pfcache::PageManifest::parse(manifest.to_json());
//     std::cout << again.pages.size() << " page, " << 2 * again.meta.page_bytes() << '\n';  // prints 1 page, 2048
//   }
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

inline constexpr std::string_view kManifestLayout = "paged-batchinvariant-v1";

/// Limits checked before memory is taken.
inline constexpr std::uint64_t kMaxManifestBytes = std::uint64_t{256} << 20;
inline constexpr std::uint64_t kMaxPageBytes = std::uint64_t{1} << 30;  ///< of K, and of V

/// The type of one element of a K or V row.
enum class DType { bf16, f16, f32, fp8e4m3 };

[[nodiscard]] std::uint32_t size_bytes_of(DType dtype) noexcept;  ///< 2, 2, 4, 1
[[nodiscard]] std::string_view name_of(DType dtype) noexcept;     ///< as in a manifest: `bf16`, …
[[nodiscard]] std::optional<DType> dtype_named(std::string_view name) noexcept;

/// The number of a page within its snapshot; file names print it as `%04u`.
struct PageIndex {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(const PageIndex&, const PageIndex&) = default;
};

/// The geometry that every page of a cache has.
struct CacheMeta {
  std::uint32_t page_size_tokens = 0;
  std::uint32_t n_layers = 0;
  std::uint32_t n_heads = 0;  ///< KV heads
  std::uint32_t head_dim = 0;
  DType dtype = DType::bf16;

  /// Bytes of a page's K, and as many of its V, layer-major: n_layers × page_size_tokens × n_heads × head_dim ×
  /// element. Throws: Errc::too_large above kMaxPageBytes; computed without overflow.
  [[nodiscard]] std::uint64_t page_bytes() const;

  friend bool operator==(const CacheMeta&, const CacheMeta&) = default;
};

/// One page: its number, and the digests of its K and V bytes.
struct PageEntry {
  PageIndex ix;
  Digest k;
  Digest v;
  friend bool operator==(const PageEntry&, const PageEntry&) = default;
};

/// A sequence of tokens laid over pages, in order.
struct LogicalSeq {
  std::string id;
  std::vector<PageIndex> page_ixs;
  std::uint32_t fill_in_last_page = 0;  ///< tokens used in the last page; 0 = it is full
  friend bool operator==(const LogicalSeq&, const LogicalSeq&) = default;
};

struct PageManifest {
  CacheMeta meta;
  std::vector<PageEntry> pages;
  std::vector<LogicalSeq> logical_seqs;

  /// Reads a manifest in any key order, with white space and unknown fields; `logical_seqs` may be absent.
  /// `name` is what messages call it.
  /// Throws: Errc::malformed naming the field (missing, another layout or dtype, duplicate key, a number that is not
  /// a u32, a digest that is not one, trailing bytes, a geometry that overflows); Errc::too_large.
  [[nodiscard]] static PageManifest parse(std::string_view json, std::string_view name = "manifest");

  /// Sorts pages by ix and sequences by the bytes of their id, both stably.
  void canonicalize();

  /// The canonical bytes. The order of pages and sequences is that of canonicalize(), whatever they are held in.
  [[nodiscard]] std::string to_json() const;

  /// The pages as a restore sees them: ascending by ix, and of pages with one ix the last listed.
  [[nodiscard]] std::vector<PageEntry> effective_pages() const;

  /// What can be read but is not right: a duplicate ix, a sequence that names an absent page, a fill above the page
  /// size. One sentence each; empty when all is well.
  [[nodiscard]] std::vector<std::string> problems() const;

  friend bool operator==(const PageManifest&, const PageManifest&) = default;
};

/// A manifest that is still being made: pages may be absent, and so may their digests.
struct ManifestDraft {
  struct Page {
    PageIndex ix;
    std::optional<Digest> k;
    std::optional<Digest> v;
  };
  CacheMeta meta;
  std::optional<std::vector<Page>> pages;
  std::vector<LogicalSeq> logical_seqs;

  /// Reads what PageManifest::parse reads, and also a manifest without `pages` or without some `k` and `v`.
  /// Throws: as PageManifest::parse.
  [[nodiscard]] static ManifestDraft parse(std::string_view json, std::string_view name = "manifest");

  /// True when nothing was left out, so that the bytes it was read from are already a manifest.
  [[nodiscard]] bool is_complete() const noexcept;
};

}  // namespace pfcache
#pragma GCC visibility pop
