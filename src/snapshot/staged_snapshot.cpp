#include "snapshot/staged_snapshot.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <thread>

#include "base/bytes.hpp"
#include "base/parallel.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/seal_manifest.hpp"

namespace pfcache {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::mismatch, what); }

bool has_size_of_part(const PageFile& file, std::uint64_t size_bytes, std::uint64_t page_bytes) noexcept {
  return size_bytes == blobs_in(file.part) * page_bytes;
}

/// Anything but what a snapshot is made of would be lost with the directory.
void require_nothing_else(const Directory& root) {
  for (const std::string& name : root.names()) {
    if (name.starts_with('.') || name == kManifestFile || name == "seqs" || part_named(name)) continue;
    refuse(fmt::format("'{}' is no part of a snapshot", root.path_of(name)));
  }
}

void require_page_names(const Directory& directory) {
  for (const std::string& name : directory.names()) {
    if (name.starts_with('.') || parse_page_file_name(name)) continue;
    refuse(fmt::format("'{}' is not named like a page", directory.path_of(name)));
  }
}

void require_same(const std::optional<Digest>& expected, const Digest& found, std::string_view half, PageIndex ix) {
  if (!expected || *expected == found) return;
  throw Error(Errc::malformed, fmt::format("page {}: by the manifest its {} has digest {}, found {}", ix.value, half,
                                           expected->hex(), found.hex()));
}

/// What is wrong with a snapshot that is still being written is told by its commit.
template <typename Work>
void unless_wrong(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.code().category() != error_category()) throw;
  }
}

}  // namespace

void StagedSnapshot::Impl::note_closed(std::string_view subdirectory, std::string_view file_name) {
  directory.use();
  if (subdirectory.empty() && file_name == kManifestFile) return enqueue(directory.page_files());
  if (const auto file = page_file_at(subdirectory, file_name)) enqueue({*file});
}

void StagedSnapshot::Impl::enqueue(const std::vector<PageFile>& files) {
  if (files.empty()) return;
  {
    const std::scoped_lock lock(mutex_);
    pending_.insert(pending_.end(), files.begin(), files.end());
    last_closed_ = std::chrono::steady_clock::now();
  }
  // One task for each file: the first to come take several at once, and the last find nothing.
  for (std::size_t i = 0; i < files.size(); ++i) {
    workers.post([self = shared_from_this()] { self->work_once(); });
  }
}

std::vector<PageFile> StagedSnapshot::Impl::take_group(const Draft& draft) {
  const std::scoped_lock lock(mutex_);
  const std::size_t count = std::min(pending_.size(), blobs_in_group(pending_.size(), 2 * draft.page_bytes, 0));
  std::vector<PageFile> files(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
  pending_.erase(pending_.begin(), pending_.begin() + static_cast<std::ptrdiff_t>(count));
  return files;
}

// Memory and disk are shared with whoever writes, even where a CPU is free, and an engine waits for its writes and not
// for us. A burst of pages therefore goes first, as far as it can be made up for.
void StagedSnapshot::Impl::let_writers_pass() {
  constexpr auto kQuiet = std::chrono::milliseconds(50);
  constexpr auto kStep = std::chrono::milliseconds(5);
  constexpr std::uint64_t kBurstBytes = std::uint64_t{1} << 30;
  while (true) {
    {
      const std::scoped_lock lock(mutex_);
      const std::uint64_t page_bytes = draft_ ? 2 * draft_->page_bytes : 0;
      const bool is_burst = page_bytes * pending_.size() < kBurstBytes;
      if (pending_.empty() || !is_burst || std::chrono::steady_clock::now() - last_closed_ > kQuiet) return;
    }
    std::this_thread::sleep_for(kStep);
  }
}

// What can't be done now, be it for want of a manifest or of space, sync() and commit() find not done, and say so.
void StagedSnapshot::Impl::work_once() noexcept {
  let_writers_pass();
  {
    const std::scoped_lock lock(mutex_);
    if (pending_.empty()) return;
    ++working_;
  }
  try {
    const DraftPtr draft = load_draft();
    if (draft) {
      put_group(*draft, take_group(*draft), Again::no);
    } else {
      const std::scoped_lock lock(mutex_);
      pending_.clear();
    }
  } catch (const std::exception&) {
    const std::scoped_lock lock(mutex_);
    pending_.clear();
  }
  const std::scoped_lock lock(mutex_);
  if (--working_ == 0) idle_.notify_all();
}

StagedSnapshot::Impl::DraftPtr StagedSnapshot::Impl::load_draft() {
  const auto file = StagedFile::open(directory.root(), kManifestFile);
  if (!file) return nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (draft_ && draft_->stamp == file->stamp() && file->is_settled()) return draft_;
  }
  if (file->stamp().size_bytes > kMaxManifestBytes) {
    throw Error(Errc::malformed, fmt::format("'{}' has {} bytes, at most {} are read", file->path(),
                                             file->stamp().size_bytes, kMaxManifestBytes));
  }
  auto draft = std::make_shared<Draft>();
  draft->stamp = file->stamp();
  draft->json.resize(file->stamp().size_bytes);
  file->read(std::as_writable_bytes(std::span(draft->json)));
  draft->manifest = ManifestDraft::parse(draft->json, file->path());
  draft->page_bytes = draft->manifest.meta.page_bytes();
  const std::scoped_lock lock(mutex_);
  // What was put for another geometry was cut at another place.
  if (draft_ && draft_->manifest.meta != draft->manifest.meta) blobs.forget_all();
  draft_ = draft;
  return draft;
}

StagedSnapshot::Impl::DraftPtr StagedSnapshot::Impl::require_draft() {
  DraftPtr draft = load_draft();
  if (!draft) refuse(fmt::format("'{}' is missing", directory.root().path_of(kManifestFile)));
  return draft;
}

std::optional<FileDigests> StagedSnapshot::Impl::stored(const PageFile& file, const PartDirectories& parts) {
  const Directory* part = parts.find(file.part);
  if (part == nullptr) return std::nullopt;
  const auto opened = StagedFile::open(*part, page_file_name(file.ix));
  if (!opened || !opened->is_settled()) return std::nullopt;
  const auto digests = blobs.find(opened->stamp());
  if (!digests) return std::nullopt;
  // A clean-up may have come by since.
  const auto all = digests->all();
  const bool is_there =
      std::all_of(all.begin(), all.end(), [this](const Digest& blob) { return store.blobs().contains(blob); });
  return is_there ? digests : std::nullopt;
}

std::vector<FileDigests> StagedSnapshot::Impl::store_all(const Draft& draft, const std::vector<PageFile>& files) {
  blobs.publish();
  {
    const std::scoped_lock lock(mutex_);
    found_.clear();
  }
  const PartDirectories parts(directory.root());
  std::vector<std::optional<FileDigests>> known(files.size());
  constexpr std::size_t kEach = 64;
  parallel_for((files.size() + kEach - 1) / kEach, 0, {}, [&](std::size_t chunk) {
    const std::size_t end = std::min(files.size(), (chunk + 1) * kEach);
    for (std::size_t i = chunk * kEach; i < end; ++i) known[i] = stored(files[i], parts);
  });
  std::vector<PageFile> todo;
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!known[i]) todo.push_back(files[i]);
  }
  put(draft, todo);
  if (!todo.empty()) blobs.publish();
  std::vector<FileDigests> digests;
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto found = found_.find(path_of(files[i]));
    if (!known[i] && found == found_.end()) {
      refuse(fmt::format("'{}' changed meanwhile", directory.root().path_of(path_of(files[i]))));
    }
    digests.push_back(known[i] ? *known[i] : found->second);
  }
  return digests;
}

void StagedSnapshot::Impl::put_group(const Draft& draft, std::span<const PageFile> files, Again again) {
  std::vector<StagedFile> opened;
  std::vector<std::size_t> counts;
  std::vector<std::string> paths;
  const PartDirectories parts(directory.root());
  for (const PageFile& file : files) {
    const Directory* part = parts.find(file.part);
    if (part == nullptr) continue;
    auto found = StagedFile::open(*part, page_file_name(file.ix));
    if (!found || !has_size_of_part(file, found->stamp().size_bytes, draft.page_bytes)) continue;
    if (again == Again::no && blobs.find(found->stamp()) && found->is_settled()) continue;
    opened.push_back(std::move(*found));
    counts.push_back(blobs_in(file.part));
    paths.push_back(path_of(file));
  }
  if (opened.empty()) return;
  const auto digests = blobs.put(opened, counts, draft.page_bytes, {size_bytes_of(draft.manifest.meta.dtype)});
  const std::scoped_lock lock(mutex_);
  for (std::size_t i = 0; i < paths.size(); ++i) found_[paths[i]] = digests[i];
}

void StagedSnapshot::Impl::put(const Draft& draft, std::span<const PageFile> files) {
  parallel_groups(files.size(), 2 * draft.page_bytes, 0, {}, [&](std::size_t first, std::size_t count) {
    put_group(draft, files.subspan(first, count), Again::yes);
  });
}

void StagedSnapshot::Impl::sync() {
  const std::scoped_lock work_lock(work_mutex_);
  directory.use();
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return working_ == 0; });
    pending_.clear();  // what is there is looked at below
  }
  DraftPtr draft;
  unless_wrong([&] { draft = load_draft(); });
  if (!draft) return;
  const WriterLease lease = store.lease();
  bool is_whole = false;
  unless_wrong([&] {
    const std::vector<PageFile> files = chosen_files(*draft);
    const std::vector<FileDigests> digests = store_all(*draft, files);
    is_whole = true;
    store.blobs().put(as_bytes(build_manifest(*draft, files, digests)));
  });
  if (is_whole) return;
  // Not complete yet, or somebody is at work on it: as much as there is.
  unless_wrong([&] { put(*draft, regular_page_files()); });
  blobs.publish();
}

std::vector<PageFile> StagedSnapshot::Impl::regular_page_files() const {
  const PartDirectories parts(directory.root());
  std::vector<PageFile> files = directory.page_files();
  std::erase_if(files, [&](const PageFile& file) {
    const Directory* part = parts.find(file.part);
    return part == nullptr || !is_regular_file(*part, page_file_name(file.ix));
  });
  return files;
}

/// The files of the snapshot: ascending by page, of a page in two halves K first.
std::vector<PageFile> StagedSnapshot::Impl::chosen_files(const Draft& draft) {
  require_nothing_else(directory.root());
  const auto whole = directory.part(PagePart::whole);
  std::vector<PagePart> parts = {PagePart::whole};
  if (!whole) parts = {PagePart::key, PagePart::value};
  std::set<std::uint32_t> present;
  for (const PagePart part : {PagePart::whole, PagePart::key, PagePart::value}) {
    const auto opened = directory.part(part);
    if (opened) require_page_names(*opened);
  }
  for (const PageFile& file : directory.page_files()) {
    if (std::find(parts.begin(), parts.end(), file.part) != parts.end()) present.insert(file.ix.value);
  }
  if (draft.manifest.pages) {
    std::set<std::uint32_t> listed;
    for (const auto& page : *draft.manifest.pages) listed.insert(page.ix.value);
    for (const std::uint32_t ix : present) {
      if (!listed.contains(ix)) refuse(fmt::format("page {} is not in the manifest's pages", ix));
    }
    present = std::move(listed);
  }
  std::vector<PageFile> files;
  for (const std::uint32_t ix : present) {
    for (const PagePart part : parts) files.push_back({part, PageIndex{ix}});
  }
  const PartDirectories opened_parts(directory.root());
  for (const PageFile& file : files) {
    const Directory* part = opened_parts.find(file.part);
    const auto stamp = part != nullptr ? stamp_of(*part, page_file_name(file.ix)) : std::nullopt;
    const std::string path = directory.root().path_of(path_of(file));
    if (!stamp) refuse(fmt::format("'{}' is missing", path));
    if (has_size_of_part(file, stamp->size_bytes, draft.page_bytes)) continue;
    refuse(fmt::format("'{}': expected {} bytes by the manifest's geometry, found {}", path,
                       blobs_in(file.part) * draft.page_bytes, stamp->size_bytes));
  }
  return files;
}

/// Halves beside whole pages are the same once more, as in a copy of a sealed snapshot: others would be lost with the
/// directory.
void StagedSnapshot::Impl::require_same_halves(const Draft& draft, const std::vector<PageFile>& files,
                                               const std::vector<FileDigests>& digests) {
  if (!directory.part(PagePart::whole)) return;
  std::vector<PageFile> halves = directory.page_files();
  std::erase_if(halves, [](const PageFile& file) { return file.part == PagePart::whole; });
  if (halves.empty()) return;
  const std::vector<FileDigests> found = store_all(draft, halves);
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const auto page = std::lower_bound(files.begin(), files.end(), halves[i].ix,
                                       [](const PageFile& file, PageIndex ix) { return file.ix < ix; });
    const bool has_page = page != files.end() && page->ix == halves[i].ix;
    const std::size_t half = halves[i].part == PagePart::key ? 0 : 1;
    if (has_page && digests[static_cast<std::size_t>(page - files.begin())].blobs.at(half) == found[i].blobs[0])
      continue;
    refuse(fmt::format("'{}' is not half of '{}'", directory.root().path_of(path_of(halves[i])),
                       path_of(PageFile{PagePart::whole, halves[i].ix})));
  }
}

std::string StagedSnapshot::Impl::build_manifest(const Draft& draft, const std::vector<PageFile>& files,
                                                 const std::vector<FileDigests>& digests) const {
  std::vector<PageEntry> entries;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto& [blobs_found, count] = digests[i];
    if (files[i].part != PagePart::value) entries.push_back({files[i].ix, blobs_found[0], blobs_found[1]});
    if (files[i].part == PagePart::value) entries.back().v = blobs_found[0];
  }
  // Both are ascending by page.
  std::map<std::uint32_t, ManifestDraft::Page> last_listed;
  if (draft.manifest.pages) {
    for (const auto& page : *draft.manifest.pages) last_listed[page.ix.value] = page;
  }
  for (const auto& [ix, listed] : last_listed) {
    const auto entry = std::lower_bound(entries.begin(), entries.end(), listed.ix,
                                        [](const PageEntry& page, PageIndex wanted) { return page.ix < wanted; });
    require_same(listed.k, entry->k, "K", listed.ix);
    require_same(listed.v, entry->v, "V", listed.ix);
  }
  if (draft.manifest.is_complete()) return draft.json;
  PageManifest manifest{draft.manifest.meta, std::move(entries), draft.manifest.logical_seqs};
  const auto problems = manifest.problems();
  if (!problems.empty()) throw Error(Errc::malformed, fmt::format("manifest: {}", problems.front()));
  return manifest.to_json();
}

Digest StagedSnapshot::Impl::commit_locked(const CommitOptions& options) {
  if (options.ref && !is_valid_name(*options.ref)) {
    throw Error(Errc::invalid_argument, fmt::format("'{}' can't be a name", *options.ref));
  }
  if (options.ref && !options.may_replace && store.catalog().ref(*options.ref)) {
    throw Error(Errc::already_exists, fmt::format("the name '{}' is taken", *options.ref));
  }
  const WriterLease lease = store.lease();
  const DraftPtr draft = require_draft();
  const std::vector<PageFile> files = chosen_files(*draft);
  const std::vector<FileDigests> digests = store_all(*draft, files);
  require_same_halves(*draft, files, digests);
  const std::string json = build_manifest(*draft, files, digests);
  const Digest digest = sha256(as_bytes(json));
  if (options.expected && *options.expected != digest) {
    refuse(fmt::format("the snapshot is {}, not {}", digest.hex(), options.expected->hex()));
  }
  seal_manifest(store, json, "new/" + name);
  if (options.ref) store.catalog().set_ref(*options.ref, digest);
  return digest;
}

Digest StagedSnapshot::Impl::commit(const CommitOptions& options) {
  const std::scoped_lock work_lock(work_mutex_);
  directory.use();
  {
    std::unique_lock lock(mutex_);
    pending_.clear();
    idle_.wait(lock, [this] { return working_ == 0; });
    error_.clear();
  }
  try {
    const Digest digest = commit_locked(options);
    discard();
    return digest;
  } catch (const std::exception& failure) {
    const std::scoped_lock lock(mutex_);
    error_ = failure.what();
    throw;
  }
}

StagedSnapshot::StagedSnapshot(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
StagedSnapshot::~StagedSnapshot() = default;

void StagedSnapshot::note_closed(std::string_view directory, std::string_view name) {
  impl_->note_closed(directory, name);
}

void StagedSnapshot::sync() { impl_->sync(); }

Digest StagedSnapshot::commit(const CommitOptions& options) { return impl_->commit(options); }

std::string StagedSnapshot::error() const {
  const std::scoped_lock lock(impl_->mutex_);
  return impl_->error_;
}

}  // namespace pfcache
