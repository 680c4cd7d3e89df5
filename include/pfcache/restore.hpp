// Putting a snapshot back into a cache.
//
// Example:
//
//   #include <pfcache/restore.hpp>
//   #include <pfcache/capture.hpp>
//   #include <pfcache/mem_blob_store.hpp>
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     const pfcache::CacheMeta geometry{16, 2, 2, 8, pfcache::DType::bf16};
//     pfcache::SyntheticCachePager engine(geometry), fresh(geometry);
//     engine.populate_synthetic(3, 0);
//     pfcache::MemBlobStore blobs;
//     pfcache::restore_cache(fresh, blobs, pfcache::capture_cache(engine, blobs).digest);
//     std::cout << fresh.occupied_pages().size() << " pages\n";  // prints 3 pages
//   }
#pragma once

#include <cstdint>
#include <stop_token>

#include "pfcache/blob_store.hpp"
#include "pfcache/pager.hpp"
#include "pfcache/progress.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct RestoreOptions {
  unsigned threads = 0;       ///< that read, decode and verify; 0 = one a CPU
  std::stop_token stop = {};  ///< a request ends the restore with Errc::interrupted
  OnProgress on_progress = {};
};

struct RestoreResult {
  std::uint64_t pages = 0;
  std::uint64_t logical_bytes = 0;
};

/// Fills an empty pager of the same geometry with the pages and sequences of the snapshot `manifest_digest`.
///
/// A page keeps its ix where allocate_pages() granted it; the others go to the remaining granted slots in order, and
/// the sequences are rewritten to match. Each page is verified before it is given to the pager. resume() follows
/// pause() on every way out.
/// Throws: Errc::mismatch before any page is read when the geometry differs or the pager isn't empty, or when
/// allocate_pages() grants too few pages; Errc::malformed for a sequence over an absent page; as
/// BlobStore::get_into. An error after pages were written says how many of how many.
RestoreResult restore_cache(CachePager& pager, const BlobStore& blobs, const Digest& manifest_digest,
                            const RestoreOptions& options = {});

}  // namespace pfcache
#pragma GCC visibility pop
