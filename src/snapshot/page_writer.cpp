#include "snapshot/page_writer.hpp"

#include "base/bytes.hpp"
#include "snapshot/blob_groups.hpp"

namespace pfcache {

std::vector<Digest> PageWriter::put(std::span<const std::span<const std::byte>> halves) {
  std::vector<PutResult> results(halves.size());
  batch_->put_many(halves, results, hint_);
  std::vector<Digest> digests;
  digests.reserve(results.size());
  for (const PutResult& result : results) {
    count(result);
    digests.push_back(result.digest);
  }
  return digests;
}

void PageWriter::count(const PutResult& result) {
  if (!result.added) return;
  // The batch isn't visible yet, so content that several pages share may be reported as added for each of them.
  const std::scoped_lock lock(mutex_);
  if (added_.insert(result.digest).second) added_bytes_ += result.stored_bytes;
}

void PageWriter::put_pages(std::span<const PageView> pages, std::span<PageEntry> entries, const CaptureOptions& options,
                           PhaseCounter& stored) {
  // By halves, so that two threads are busy with a cache of one page.
  std::vector<std::span<const std::byte>> halves;
  halves.reserve(2 * pages.size());
  for (const PageView& page : pages) halves.insert(halves.end(), {page.k, page.v});
  const std::uint64_t half_bytes = pages.empty() ? 0 : pages.front().k.size();
  parallel_groups(halves.size(), half_bytes, options.threads, options.stop, [&](std::size_t first, std::size_t count) {
    const auto digests = put(std::span(halves).subspan(first, count));
    for (std::size_t i = 0; i < count; ++i) {
      PageEntry& entry = entries[(first + i) / 2];
      ((first + i) % 2 == 0 ? entry.k : entry.v) = digests[i];
    }
    stored.add(count * half_bytes);
  });
}

CaptureResult PageWriter::finish(std::string_view manifest_json, const OnProgress& on_progress) {
  const PageManifest manifest = PageManifest::parse(manifest_json, "the manifest to be stored");
  if (on_progress) on_progress({.phase = "sync"});
  batch_->commit();
  const PutResult stored = blobs_.put(as_bytes(manifest_json));
  count(stored);

  CaptureResult result;
  result.digest = stored.digest;
  result.pages = manifest.effective_pages().size();
  result.logical_bytes = 2 * manifest.meta.page_bytes() * result.pages;
  result.added_blobs = added_.size();
  result.added_bytes = added_bytes_;
  return result;
}

}  // namespace pfcache
