#include "pfcache/inspect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_set>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

using Content = std::pair<Digest, Digest>;  // of K and V

std::set<Content> contents_of(const PageManifest& manifest) {
  std::set<Content> contents;
  for (const PageEntry& page : manifest.effective_pages()) contents.emplace(page.k, page.v);
  return contents;
}

SnapshotDiff::Part part(std::uint64_t pages, const PageManifest& manifest) {
  return {pages, pages * 2 * manifest.meta.page_bytes()};
}

std::vector<std::string> compare_geometry(const CacheMeta& a, const CacheMeta& b) {
  std::vector<std::string> lines;
  const auto compare = [&](std::string_view field, const auto& of_a, const auto& of_b) {
    if (of_a != of_b) lines.push_back(fmt::format("{}: {}, {}", field, of_a, of_b));
  };
  compare("page_size_tokens", a.page_size_tokens, b.page_size_tokens);
  compare("n_layers", a.n_layers, b.n_layers);
  compare("n_heads", a.n_heads, b.n_heads);
  compare("head_dim", a.head_dim, b.head_dim);
  compare("dtype", name_of(a.dtype), name_of(b.dtype));
  return lines;
}

void count_snapshot(const PageManifest& manifest, std::unordered_set<Digest>& seen, StoreStats& stats) {
  const std::uint64_t page_bytes = manifest.meta.page_bytes();
  for (const PageEntry& page : manifest.effective_pages()) {
    ++stats.pages;
    stats.logical_bytes += 2 * page_bytes;
    if (seen.insert(page.k).second) stats.unique_bytes += page_bytes;
    if (seen.insert(page.v).second) stats.unique_bytes += page_bytes;
  }
}

void require_going_on(const std::stop_token& stop) {
  if (stop.stop_requested()) throw Error(Errc::interrupted, "counting what a store holds");
}

void count_blobs(const BlobStore& blobs, const std::unordered_set<Digest>& of_pages, StoreStats& stats,
                 const std::stop_token& stop) {
  blobs.for_each([&](const Digest& digest, const BlobInfo& info) {
    require_going_on(stop);
    ++stats.blobs;
    stats.stored_bytes += info.stored_bytes;
    if (of_pages.contains(digest)) stats.stored_page_bytes += info.stored_bytes;
    switch (info.encoding) {
      case Encoding::raw: ++stats.raw_blobs; break;
      case Encoding::zstd: ++stats.zstd_blobs; break;
      case Encoding::planes2:
      case Encoding::planes4: ++stats.planes_blobs; break;
    }
  });
}

}  // namespace

SnapshotDiff diff_manifests(const PageManifest& a, const PageManifest& b) {
  const auto in_a = contents_of(a);
  const auto in_b = contents_of(b);
  const auto shared = static_cast<std::uint64_t>(
      std::count_if(in_a.begin(), in_a.end(), [&](const Content& content) { return in_b.contains(content); }));
  SnapshotDiff diff;
  diff.shared = part(shared, a);
  diff.only_a = part(in_a.size() - shared, a);
  diff.only_b = part(in_b.size() - shared, b);
  diff.geometry = compare_geometry(a.meta, b.meta);
  return diff;
}

StoreStats collect_stats(const Store& store, const std::stop_token& stop) {
  StoreStats stats;
  std::unordered_set<Digest> seen;
  for (const Digest& snapshot : store.catalog().snapshots()) {
    require_going_on(stop);
    try {
      count_snapshot(store.manifest(snapshot), seen, stats);
      ++stats.snapshots;
    } catch (const Error& error) {
      // Removed since it was listed: then it is no damage, and no snapshot either.
      if (!store.catalog().contains(snapshot)) continue;
      ++stats.snapshots;
      stats.unreadable.push_back(fmt::format("{}: {}", snapshot.hex(), error.what()));
    }
  }
  stats.refs = store.catalog().refs().size();
  count_blobs(store.blobs(), seen, stats, stop);
  return stats;
}

}  // namespace pfcache
