// The way of pages into a blob store, whoever they come from: one batch for all of them, and after it the manifest.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/phase_counter.hpp"
#include "pfcache/capture.hpp"

namespace pfcache {

/// Puts K and V bytes into one batch. What was put before a failure is taken back when the writer goes.
class PageWriter {
 public:
  PageWriter(BlobStore& blobs, const CacheMeta& meta)
      : blobs_(blobs), hint_{size_bytes_of(meta.dtype)}, batch_(blobs.begin_batch()) {}

  /// Puts halves of pages, and returns their digests. Thread-safe.
  std::vector<Digest> put(std::span<const std::span<const std::byte>> halves);

  /// Puts many pages on many threads and fills in the digests of `entries`, one for each page.
  /// REQUIRES: as many entries as pages. Throws: also Errc::interrupted.
  void put_pages(std::span<const PageView> pages, std::span<PageEntry> entries, const CaptureOptions& options,
                 PhaseCounter& stored);

  /// Makes the pages durable, which is a phase of its own, and then stores `manifest_json` exactly as it is: a manifest
  /// that can be read never names a blob that a crash could take away. The text is read back first, so that nothing is
  /// stored that restore would refuse. Throws: as PageManifest::parse, BlobBatch.
  CaptureResult finish(std::string_view manifest_json, const OnProgress& on_progress);

 private:
  void count(const PutResult& result);

  BlobStore& blobs_;
  const BlobHint hint_;
  std::unique_ptr<BlobBatch> batch_;
  std::mutex mutex_;
  std::unordered_set<Digest> added_;  // guarded by mutex_
  std::uint64_t added_bytes_ = 0;     // guarded by mutex_
};

}  // namespace pfcache
