// Files of a staging directory, put into the store ahead of their snapshot, and remembered.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "pfcache/blob_store.hpp"
#include "snapshot/staged_file.hpp"

namespace pfcache {

/// The digests of what is in a file: K and V of a page, or the one of half a page.
struct FileDigests {
  std::array<Digest, 2> blobs;
  std::size_t count = 1;

  [[nodiscard]] std::span<const Digest> all() const noexcept { return std::span(blobs).first(count); }
};

/// Thread-safe. What is remembered holds for a file that has not changed since, by its stamp; of one that somebody may
/// still be writing nothing is remembered.
class StagedBlobs {
 public:
  /// REQUIRES: `store` outlives this object.
  explicit StagedBlobs(BlobStore& store) : store_(store), batch_(store.begin_batch()) {}

  /// What put() found in the file with that stamp.
  [[nodiscard]] std::optional<FileDigests> find(const FileStamp& stamp) const;

  /// Reads the files and puts what is in them: one blob of `blob_bytes` or two, as many as fit. They are hashed side
  /// by side. The memory it takes is theirs. REQUIRES: each file's stamp says blob_bytes or twice as many.
  /// Throws: Errc::mismatch for a file that changes while it is read; as BlobBatch.
  std::vector<FileDigests> put(std::span<const StagedFile> files, std::span<const std::size_t> blob_counts,
                               std::uint64_t blob_bytes, const BlobHint& hint);

  /// Makes all that was put durable and readable. After a failure nothing is remembered: all is to be put again.
  void publish();

  void forget_all();

 private:
  struct Remembered {
    FileStamp stamp;
    FileDigests digests;
  };

  BlobStore& store_;
  mutable std::shared_mutex batch_mutex_;  // shared by those who put, alone for who publishes
  std::unique_ptr<BlobBatch> batch_;       // guarded by batch_mutex_
  mutable std::mutex mutex_;
  std::unordered_map<ino_t, Remembered> files_;  // guarded by mutex_
};

}  // namespace pfcache
