#include "fuse/snapshot_view.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "fuse/seq_name.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::fuse {
namespace {

std::vector<SnapshotView::Seq> named_seqs(std::vector<LogicalSeq>&& seqs) {
  std::map<std::string, std::vector<PageIndex>> by_name;
  for (LogicalSeq& seq : seqs) {
    seq.page_ixs.shrink_to_fit();
    by_name[seq_directory_name(seq.id)] = std::move(seq.page_ixs);
  }
  std::vector<SnapshotView::Seq> named;
  named.reserve(by_name.size());
  for (auto& [name, page_ixs] : by_name) named.push_back({name, std::move(page_ixs)});
  return named;
}

}  // namespace

SnapshotView::SnapshotView(const Digest& digest, std::uint64_t manifest_bytes, PageManifest&& manifest)
    : digest_(digest),
      manifest_bytes_(manifest_bytes),
      page_bytes_(manifest.meta.page_bytes()),
      pages_(manifest.effective_pages()),
      seqs_(named_seqs(std::move(manifest.logical_seqs))) {
  pages_.shrink_to_fit();
}

std::optional<std::uint32_t> SnapshotView::find_page(std::string_view name) const noexcept {
  const std::optional<PageIndex> ix = parse_page_file_name(name);
  if (!ix) return std::nullopt;
  const auto found = std::lower_bound(pages_.begin(), pages_.end(), *ix,
                                      [](const PageEntry& page, PageIndex wanted) { return page.ix < wanted; });
  if (found == pages_.end() || found->ix != *ix) return std::nullopt;
  return static_cast<std::uint32_t>(found - pages_.begin());
}

std::optional<std::uint32_t> SnapshotView::find_seq(std::string_view name) const noexcept {
  const auto found = std::lower_bound(seqs_.begin(), seqs_.end(), name,
                                      [](const Seq& seq, std::string_view wanted) { return seq.name < wanted; });
  if (found == seqs_.end() || found->name != name) return std::nullopt;
  return static_cast<std::uint32_t>(found - seqs_.begin());
}

}  // namespace pfcache::fuse
