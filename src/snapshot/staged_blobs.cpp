#include "snapshot/staged_blobs.hpp"

#include <utility>

namespace pfcache {

std::optional<FileDigests> StagedBlobs::find(const FileStamp& stamp) const {
  const std::scoped_lock lock(mutex_);
  const auto found = files_.find(stamp.inode);
  if (found == files_.end() || found->second.stamp != stamp) return std::nullopt;
  return found->second.digests;
}

std::vector<FileDigests> StagedBlobs::put(std::span<const StagedFile> files, std::span<const std::size_t> blob_counts,
                                          std::uint64_t blob_bytes, const BlobHint& hint) {
  std::size_t blob_count = 0;
  for (const std::size_t count : blob_counts) blob_count += count;
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(blob_count * blob_bytes);
  std::span<std::byte> rest(memory.get(), blob_count * blob_bytes);
  std::vector<std::span<const std::byte>> blobs;
  std::vector<bool> settled;
  for (std::size_t i = 0; i < files.size(); ++i) {
    // Asked before it is read: whoever opens it for writing afterwards changes its times.
    settled.push_back(files[i].is_settled());
    files[i].read(rest.first(blob_counts[i] * blob_bytes));
    for (std::size_t blob = 0; blob < blob_counts[i]; ++blob) {
      blobs.emplace_back(rest.first(blob_bytes));
      rest = rest.subspan(blob_bytes);
    }
  }
  std::vector<PutResult> results(blobs.size());
  // Until all is remembered, too: a publish() that fails must make it forgotten.
  const std::shared_lock batch_lock(batch_mutex_);
  batch_->put_many(blobs, results, hint);
  std::vector<FileDigests> digests;
  std::size_t next = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    FileDigests& file = digests.emplace_back();
    file.count = blob_counts[i];
    for (std::size_t blob = 0; blob < file.count; ++blob) file.blobs.at(blob) = results[next++].digest;
    if (!settled[i] || !files[i].is_unchanged()) continue;
    const std::scoped_lock lock(mutex_);
    files_[files[i].stamp().inode] = {files[i].stamp(), file};
  }
  return digests;
}

void StagedBlobs::publish() {
  const std::unique_lock lock(batch_mutex_);
  try {
    batch_->commit();
    batch_ = store_.begin_batch();
  } catch (...) {
    forget_all();
    batch_ = store_.begin_batch();
    throw;
  }
}

void StagedBlobs::forget_all() {
  const std::scoped_lock lock(mutex_);
  files_.clear();
}

}  // namespace pfcache
