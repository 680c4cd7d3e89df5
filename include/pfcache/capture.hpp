// Taking a snapshot of a cache: pages in, a manifest's digest out.
//
// Example:
//
//   #include <pfcache/capture.hpp>
//   #include <pfcache/mem_blob_store.hpp>
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::SyntheticCachePager engine({.page_size_tokens = 16, .n_layers = 2, .n_heads = 2, .head_dim = 8});
//     engine.populate_synthetic(3, 0);
//     pfcache::MemBlobStore blobs;
//     const pfcache::CaptureResult made = pfcache::capture_cache(engine, blobs);
//     std::cout << made.pages << " pages, " << made.logical_bytes << " bytes\n";  // prints 3 pages, 6144 bytes
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>

#include "pfcache/blob_store.hpp"
#include "pfcache/error.hpp"
#include "pfcache/pager.hpp"
#include "pfcache/progress.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct CaptureOptions {
  /// Pages are copied into memory while the engine is paused, so that it waits for a copy and no more. A cache larger
  /// than this many bytes is stored piece by piece inside the pause instead.
  std::uint64_t memory_limit_bytes = std::uint64_t{4} << 30;
  unsigned threads = 0;       ///< that hash and encode; 0 = one a CPU
  std::stop_token stop = {};  ///< a request ends the capture with Errc::interrupted, leaving nothing behind
  OnProgress on_progress = {};
};

struct CaptureResult {
  Digest digest;  ///< of the manifest: the snapshot's name
  std::uint64_t pages = 0;
  std::uint64_t logical_bytes = 0;    ///< of K and V over all pages
  std::uint64_t added_blobs = 0;      ///< that the store did not have, the manifest included
  std::uint64_t added_bytes = 0;      ///< their stored bytes
  std::chrono::nanoseconds pause{0};  ///< from pause() returning to resume() called
};

/// The snapshot was stored, but the engine's resume() failed: the digest is not lost.
class [[gnu::visibility("default")]] ResumeError : public Error {
 public:
  ResumeError(const CaptureResult& result, const std::string& what) : Error(Errc::mismatch, what), result_(result) {}
  ~ResumeError() override;
  [[nodiscard]] const CaptureResult& result() const noexcept { return result_; }

 private:
  CaptureResult result_;
};

/// Stores all occupied pages of `pager` and then their canonical manifest, durable when it returns. The snapshot is
/// not sealed: that is Catalog::seal, under the same WriterLease.
///
/// resume() follows pause() on every way out. An error of the capture wins over one of resume().
/// Throws: ResumeError; what the pager throws; Errc::interrupted; as BlobBatch.
CaptureResult capture_cache(CachePager& pager, BlobStore& blobs, const CaptureOptions& options = {});

}  // namespace pfcache
#pragma GCC visibility pop
