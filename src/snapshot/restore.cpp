#include "pfcache/restore.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/error.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/geometry.hpp"
#include "snapshot/manifest_blob.hpp"
#include "snapshot/paused_pager.hpp"

namespace pfcache {
namespace {

// Decoded pages waiting for the pager, for each thread that decodes: enough to keep them all busy.
constexpr std::uint64_t kWindowBytesPerThread = std::uint64_t{32} << 20;

/// A page and where in the pager it goes.
struct Placement {
  PageIndex slot;
  PageEntry page;
};

void require_known_pages(const PageManifest& manifest, const Digest& digest) {
  std::unordered_set<std::uint32_t> present;
  for (const PageEntry& page : manifest.pages) present.insert(page.ix.value);
  for (const LogicalSeq& seq : manifest.logical_seqs) {
    for (const PageIndex ix : seq.page_ixs) {
      if (present.contains(ix.value)) continue;
      throw Error(Errc::malformed, fmt::format("manifest {}: sequence '{}' names page {}, which is not there",
                                               digest.hex(), seq.id, ix.value));
    }
  }
}

void require_empty_and_alike(const CachePager& pager, const CacheMeta& expected) {
  const CacheMeta found = pager.meta();
  if (found != expected) {
    throw Error(Errc::mismatch, fmt::format("the geometry of the snapshot is {}; that of the pager is {}",
                                            describe(expected), describe(found)));
  }
  const std::size_t occupied = pager.occupied_pages().size();
  if (occupied != 0) {
    throw Error(Errc::mismatch, fmt::format("a restore needs an empty pager, {} pages are in use", occupied));
  }
}

/// Gives each granted slot its page, in the order of the grant, in which the pager wants them filled.
std::vector<Placement> place_pages(const std::vector<PageEntry>& pages, const std::vector<PageIndex>& granted) {
  const std::size_t distinct = std::set<PageIndex>(granted.begin(), granted.end()).size();
  if (granted.size() != pages.size() || distinct != granted.size()) {
    throw Error(Errc::mismatch, fmt::format("the pager granted {} pages, {} of them different; {} were asked for",
                                            granted.size(), distinct, pages.size()));
  }
  std::map<PageIndex, const PageEntry*> homeless;
  for (const PageEntry& page : pages) homeless.emplace(page.ix, &page);
  std::vector<const PageEntry*> chosen(granted.size(), nullptr);
  for (std::size_t i = 0; i < granted.size(); ++i) {
    if (const auto node = homeless.extract(granted[i])) chosen[i] = node.mapped();
  }
  std::vector<Placement> placements;
  auto next = homeless.begin();
  for (std::size_t i = 0; i < granted.size(); ++i) {
    placements.push_back({granted[i], chosen[i] != nullptr ? *chosen[i] : *(next++)->second});
  }
  return placements;
}

std::vector<LogicalSeq> rewrite_seqs(std::vector<LogicalSeq> seqs, const std::vector<Placement>& placements) {
  std::unordered_map<std::uint32_t, PageIndex> slot_of;
  for (const Placement& placement : placements) slot_of.emplace(placement.page.ix.value, placement.slot);
  for (LogicalSeq& seq : seqs) {
    for (PageIndex& ix : seq.page_ixs) ix = slot_of.at(ix.value);
  }
  return seqs;
}

/// Decodes window after window of pages on all threads and hands them to the pager, counting them in `restored`.
class PageFeed {
 public:
  PageFeed(CachePager& pager, const BlobStore& blobs, const RestoreOptions& options, std::uint64_t page_bytes)
      : pager_(pager), blobs_(blobs), options_(options), page_bytes_(page_bytes) {}

  void feed(std::span<const Placement> placements, std::uint64_t& restored) {
    PhaseCounter given(options_.on_progress, {.phase = "restore", .total = 2 * page_bytes_ * placements.size()});
    const std::uint64_t budget = kWindowBytesPerThread * thread_count(options_.threads);
    const std::uint64_t window = std::max<std::uint64_t>(1, budget / std::max<std::uint64_t>(1, 2 * page_bytes_));
    bytes_.resize(2 * page_bytes_ * std::min<std::uint64_t>(window, placements.size()));
    while (!placements.empty()) {
      const auto now = placements.first(std::min<std::uint64_t>(window, placements.size()));
      decode(now);
      for (std::size_t i = 0; i < now.size(); ++i) {
        throw_if_stopped(options_.stop);
        pager_.write_page(now[i].slot, {half(2 * i), half(2 * i + 1)});
        ++restored;
      }
      given.add(2 * page_bytes_ * now.size());
      placements = placements.subspan(now.size());
    }
  }

 private:
  [[nodiscard]] std::span<std::byte> half(std::size_t i) {
    return std::span(bytes_).subspan(page_bytes_ * i, page_bytes_);
  }

  void decode(std::span<const Placement> placements) {
    parallel_groups(2 * placements.size(), page_bytes_, options_.threads, options_.stop,
                    [&](std::size_t first, std::size_t count) {
                      std::vector<GetRequest> requests;
                      for (std::size_t i = first; i < first + count; ++i) {
                        const PageEntry& page = placements[i / 2].page;
                        requests.push_back({i % 2 == 0 ? page.k : page.v, half(i), {}});
                      }
                      blobs_.get_all(requests);
                    });
  }

  CachePager& pager_;
  const BlobStore& blobs_;
  const RestoreOptions& options_;
  std::size_t page_bytes_;
  std::vector<std::byte> bytes_;
};

/// `error` with how far the restore came before its message.
Error after_pages(const Error& error, std::uint64_t restored, std::uint64_t total) {
  return {error.code(), fmt::format("restored {} of {} pages: {}", restored, total, reason_of(error))};
}

}  // namespace

RestoreResult restore_cache(CachePager& pager, const BlobStore& blobs, const Digest& manifest_digest,
                            const RestoreOptions& options) {
  throw_if_stopped(options.stop);
  PageManifest manifest = load_manifest(blobs, manifest_digest);
  require_known_pages(manifest, manifest_digest);
  const std::vector<PageEntry> pages = manifest.effective_pages();
  const std::uint64_t page_bytes = manifest.meta.page_bytes();

  PausedPager paused(pager);
  require_empty_and_alike(pager, manifest.meta);
  const auto placements = place_pages(pages, pager.allocate_pages(pages.size()));
  std::uint64_t restored = 0;
  try {
    PageFeed(pager, blobs, options, page_bytes).feed(placements, restored);
    pager.install_logical_seqs(rewrite_seqs(std::move(manifest.logical_seqs), placements));
    paused.resume();
  } catch (const Error& error) {
    if (restored == 0) throw;
    throw after_pages(error, restored, pages.size());
  }
  return {restored, 2 * page_bytes * restored};
}

}  // namespace pfcache
