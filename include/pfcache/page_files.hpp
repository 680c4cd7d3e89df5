// Snapshots as directories of plain files, in the shape they have under a mount:
//
//   DIR/manifest.json       the manifest
//   DIR/pages/NNNN          page NNNN (`%04u`): K, then V
//   DIR/k/NNNN, v/NNNN      or the two halves apart (read only; never written by restore_directory)
//
// Example:
//
//   #include <pfcache/page_files.hpp>
//   #include <pfcache/mem_blob_store.hpp>
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::SyntheticCachePager engine({.page_size_tokens = 16, .n_layers = 2, .n_heads = 2, .head_dim = 8});
//     engine.populate_synthetic(3, 0);
//     pfcache::MemBlobStore blobs;
//     const pfcache::Digest snapshot = pfcache::capture_cache(engine, blobs).digest;
//     pfcache::restore_directory(blobs, snapshot, "chat");
//     std::cout << (pfcache::capture_directory("chat", blobs).digest == snapshot) << '\n';  // prints 1
//   }
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "pfcache/capture.hpp"
#include "pfcache/restore.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// The file name of a page: at least four digits.
[[nodiscard]] std::string page_file_name(PageIndex ix);

/// Reads what page_file_name() writes, and nothing else: "0012", "12345", not "12", "00012" or "4294967296".
[[nodiscard]] std::optional<PageIndex> parse_page_file_name(std::string_view name) noexcept;

/// Captures `dir`. Its manifest may leave out pages (then every file of pages/, or of k/ and v/, is one) or their
/// digests (then they are computed). One that leaves out nothing is stored as its exact bytes, so that a restored
/// directory captured again is the same snapshot; each page must then match its digests. Throws: Errc::not_found for a
/// missing file; Errc::malformed for a manifest, a page of the wrong size or a file name that is no page's;
/// Errc::damaged for a page that does not match; as capture_cache.
CaptureResult capture_directory(const std::filesystem::path& dir, BlobStore& blobs, const CaptureOptions& options = {});

/// Writes the snapshot to `dest`, which must be absent or an empty directory. It appears there whole or not at all.
/// Throws: Errc::already_exists; Errc::not_found when dest's parent is absent; as BlobStore::get_into.
RestoreResult restore_directory(const BlobStore& blobs, const Digest& manifest_digest,
                                const std::filesystem::path& dest, const RestoreOptions& options = {});

}  // namespace pfcache
#pragma GCC visibility pop
