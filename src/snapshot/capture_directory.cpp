// Capturing a directory of page files.
#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/page_directory.hpp"
#include "snapshot/page_writer.hpp"

namespace pfcache {
namespace {

using DraftPage = ManifestDraft::Page;

const std::string kManifestFile = "manifest.json";

Directory open_source(const std::filesystem::path& dir) {
  if (std::filesystem::exists(dir) && !std::filesystem::is_directory(dir)) {
    throw Error(Errc::invalid_argument, fmt::format("'{}' is not a directory", dir.native()));
  }
  return Directory::open(dir);
}

std::string read_manifest_file(const Directory& root) {
  auto json = root.read_file(kManifestFile, kMaxManifestBytes);
  if (!json) throw Error(Errc::not_found, fmt::format("'{}'", root.path_of(kManifestFile)));
  return std::move(*json);
}

/// Ascending by ix; of pages with one ix the last listed, as in a restore.
std::vector<DraftPage> effective(std::vector<DraftPage> pages) {
  std::stable_sort(pages.begin(), pages.end(), [](auto& a, auto& b) { return a.ix < b.ix; });
  const auto end_of_dropped = std::unique(pages.rbegin(), pages.rend(), [](auto& a, auto& b) { return a.ix == b.ix; });
  pages.erase(pages.begin(), end_of_dropped.base());
  return pages;
}

/// The pages to capture: those that the manifest lists, or else those that are there. A file that isn't listed is an
/// error: taking the manifest for right would lose the file, and the other way round would change the snapshot.
std::vector<DraftPage> choose_pages(const ManifestDraft& draft, const PageDirectory& directory) {
  const std::vector<PageIndex> present = directory.pages();
  std::vector<DraftPage> pages;
  if (!draft.pages) {
    for (const PageIndex ix : present) pages.push_back({ix, {}, {}});
    return pages;
  }
  pages = effective(*draft.pages);
  for (const PageIndex ix : present) {
    const auto at = std::lower_bound(pages.begin(), pages.end(), ix, [](auto& page, auto i) { return page.ix < i; });
    if (at != pages.end() && at->ix == ix) continue;
    throw Error(Errc::malformed, fmt::format("page file '{}' is not in the manifest's pages", directory.describe(ix)));
  }
  return pages;
}

void require_match(const std::optional<Digest>& expected, const Digest& found, std::string_view half,
                   const std::string& file) {
  if (!expected || *expected == found) return;
  throw Error(Errc::damaged, fmt::format("page file '{}': expected {} with digest {}, found {}", file, half,
                                         expected->hex(), found.hex()));
}

/// Reads, checks and stores some pages; what it takes in memory is these pages.
void put_pages(const PageDirectory& directory, std::span<const DraftPage> pages, std::span<PageEntry> entries,
               std::uint64_t page_bytes, PageWriter& writer) {
  std::vector<std::byte> bytes(2 * page_bytes * pages.size());
  std::vector<std::span<const std::byte>> halves;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    const auto page = std::span(bytes).subspan(2 * page_bytes * i, 2 * page_bytes);
    directory.read(pages[i].ix, page);
    halves.insert(halves.end(), {page.first(page_bytes), page.last(page_bytes)});
  }
  const auto digests = writer.put(halves);
  for (std::size_t i = 0; i < pages.size(); ++i) {
    entries[i] = {pages[i].ix, digests[2 * i], digests[2 * i + 1]};
    require_match(pages[i].k, entries[i].k, "K", directory.describe(pages[i].ix));
    require_match(pages[i].v, entries[i].v, "V", directory.describe(pages[i].ix));
  }
}

/// The manifest made of a draft. One that was complete is kept as it is, problems and all, but we make no bad ones.
std::string complete(const ManifestDraft& draft, std::vector<PageEntry> entries, const std::string& path) {
  PageManifest manifest{draft.meta, std::move(entries), draft.logical_seqs};
  const auto problems = manifest.problems();
  if (!problems.empty()) throw Error(Errc::malformed, fmt::format("{}: {}", path, problems.front()));
  return manifest.to_json();
}

}  // namespace

CaptureResult capture_directory(const std::filesystem::path& dir, BlobStore& blobs, const CaptureOptions& options) {
  throw_if_stopped(options.stop);
  const Directory root = open_source(dir);
  const std::string json = read_manifest_file(root);
  const ManifestDraft draft = ManifestDraft::parse(json, root.path_of(kManifestFile));
  const PageDirectory directory(root);
  const std::vector<DraftPage> pages = choose_pages(draft, directory);
  const std::uint64_t page_bytes = draft.meta.page_bytes();

  PageWriter writer(blobs, draft.meta);
  std::vector<PageEntry> entries(pages.size());
  PhaseCounter stored(options.on_progress, {.phase = "store", .total = 2 * page_bytes * pages.size()});
  parallel_groups(pages.size(), 2 * page_bytes, options.threads, options.stop,
                  [&](std::size_t first, std::size_t count) {
                    put_pages(directory, std::span(pages).subspan(first, count),
                              std::span(entries).subspan(first, count), page_bytes, writer);
                    stored.add(2 * page_bytes * count);
                  });
  return writer.finish(draft.is_complete() ? json : complete(draft, std::move(entries), root.path_of(kManifestFile)),
                       options.on_progress);
}

}  // namespace pfcache
