#include "snapshot/arriving_snapshot.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/blob_groups.hpp"
#include "snapshot/manifest_blob.hpp"
#include "snapshot/seal_manifest.hpp"

namespace pfcache {
namespace {

// So much may wait, as copies in staging, to become durable with one group of syncs.
constexpr std::uint64_t kMaxUnpublishedBytes = std::uint64_t{256} << 20;

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::malformed, what); }

const PageEntry* find_page(const std::vector<PageEntry>& pages, PageIndex ix) {
  const auto found =
      std::lower_bound(pages.begin(), pages.end(), ix, [](const PageEntry& page, PageIndex i) { return page.ix < i; });
  return found != pages.end() && found->ix == ix ? &*found : nullptr;
}

bool matches(PagePart part, const PageEntry& page, const FileDigests& found) {
  switch (part) {
    case PagePart::whole: return found.blobs[0] == page.k && found.blobs[1] == page.v;
    case PagePart::key: return found.blobs[0] == page.k;
    default: return found.blobs[0] == page.v;
  }
}

/// A directory below the staging directory, at most two levels deep. Nothing when it is absent.
std::optional<Directory> find_below(const Directory& root, std::string_view path) {
  std::optional<Directory> directory = root.duplicate();
  while (!path.empty() && directory) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    directory = directory->find_real_directory(std::string(path.substr(0, slash)));
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return directory;
}

void rename_in(const Directory& directory, const std::string& from, const std::string& to) {
  if (from == to) return;
  if (directory.ops().rename(directory.fd(), from.c_str(), directory.fd(), to.c_str()) == 0) return;
  throw Error::from_last_errno(fmt::format("cannot rename '{}' to '{}'", directory.path_of(from), to));
}

/// Removes files that are copies, and directories that are empty. What doesn't go is in use.
void remove_quietly(const Directory& directory, const std::string& name, int flags = 0) {
  directory.ops().unlink(directory.fd(), name.c_str(), flags);
}

void remove_links(const Directory& root) {
  const auto seqs = root.find_real_directory("seqs");
  if (!seqs) return;
  for (const std::string& id : seqs->names()) {
    const auto seq = seqs->find_real_directory(id);
    if (!seq) continue;
    for (const std::string& name : seq->names()) {
      if (!name.starts_with('.')) remove_quietly(*seq, name);
    }
    remove_quietly(*seqs, id, AT_REMOVEDIR);
  }
}

}  // namespace

ArrivingSnapshot::Impl::KnownPtr ArrivingSnapshot::Impl::known() const {
  const std::scoped_lock lock(mutex_);
  return known_;
}

void ArrivingSnapshot::Impl::resume() {
  const std::scoped_lock work_lock(work_mutex_);
  if (store.has_snapshot(digest)) {
    KnownPtr manifest = understand(store.manifest_bytes(digest));
    const std::scoped_lock lock(mutex_);
    known_ = std::move(manifest);
    is_sealed_ = true;
    return;
  }
  KnownPtr manifest;
  try {
    manifest = read_manifest(kManifestFile);
  } catch (const Error& error) {
    if (error.code().category() != error_category()) throw;  // one that is not whole yet
  }
  if (!manifest) return;
  learn(manifest);
  is_untaken_ = true;
  static_cast<void>(take_what_is_there());
  is_untaken_ = false;
  if (!taken_.empty()) give_up_copies();
  seal_if_whole(Expect::more);
}

void ArrivingSnapshot::Impl::take(std::string_view subdirectory, std::string_view from, std::string_view name) {
  const std::scoped_lock work_lock(work_mutex_);
  directory.use();
  try {
    if (subdirectory.empty() && name == kManifestFile) {
      take_manifest(std::string(from), std::string(name));
    } else {
      take_pages(std::string(subdirectory), std::string(from), std::string(name));
    }
    if (is_sealed_) return clean_up();
    if (unpublished_bytes_ > kMaxUnpublishedBytes) give_up_copies();
    seal_if_whole(Expect::more);
  } catch (const std::exception& failure) {
    const std::scoped_lock lock(mutex_);
    error_ = failure.what();
    throw;
  }
}

ArrivingSnapshot::Impl::KnownPtr ArrivingSnapshot::Impl::read_manifest(const std::string& file_name) const {
  const auto file = StagedFile::open(directory.root(), file_name);
  if (!file) return nullptr;
  const std::uint64_t size_bytes = file->stamp().size_bytes;
  if (size_bytes > kMaxManifestBytes) {
    refuse(fmt::format("'{}' has {} bytes, a manifest at most {}", file->path(), size_bytes, kMaxManifestBytes));
  }
  std::string json(size_bytes, '\0');
  file->read(std::as_writable_bytes(std::span(json)));
  const Digest found = sha256(as_bytes(json));
  if (found != digest) {
    refuse(fmt::format("'{}': expected SHA-256 {}, found {}", file->path(), digest.hex(), found.hex()));
  }
  return understand(std::move(json));
}

ArrivingSnapshot::Impl::KnownPtr ArrivingSnapshot::Impl::understand(std::string json) const {
  auto manifest = std::make_shared<Known>();
  manifest->json = std::move(json);
  manifest->manifest = parse_manifest(manifest->json, digest);
  manifest->pages = manifest->manifest.effective_pages();
  manifest->page_bytes = manifest->manifest.meta.page_bytes();
  return manifest;
}

// The file gets its name even when pages that are there don't match: it is right, and they are not. Who sends them all
// once more then sends those only.
void ArrivingSnapshot::Impl::take_manifest(const std::string& from, const std::string& name) {
  const KnownPtr manifest = read_manifest(from);
  if (!manifest) throw Error::from_errno(ENOENT, directory.root().path_of(from));
  rename_in(directory.root(), from, name);
  if (known()) return retake();
  // Before it is of use to anybody it must be as durable as what is given up because of it.
  if (const auto file = StagedFile::open(directory.root(), name)) {
    if (directory.root().ops().fsync(file->fd()) != 0) throw Error::from_last_errno(file->path());
  }
  directory.root().sync();
  learn(manifest);
  is_untaken_ = true;
  retake();
}

void ArrivingSnapshot::Impl::retake() {
  if (!is_untaken_) return;
  const std::vector<std::string> bad = take_what_is_there();
  is_untaken_ = false;
  if (bad.empty()) return;
  refuse(fmt::format("{} of snapshot {} did not match its manifest, among them {}; removed", bad.size(), digest.hex(),
                     bad.front()));
}

void ArrivingSnapshot::Impl::learn(const KnownPtr& manifest) {
  std::unordered_set<Digest> missing;
  for (const PageEntry& page : manifest->pages) {
    for (const Digest& blob : {page.k, page.v}) {
      if (!store.blobs().contains(blob)) missing.insert(blob);
    }
  }
  const std::scoped_lock lock(mutex_);
  known_ = manifest;
  missing_ = std::move(missing);
}

FileDigests ArrivingSnapshot::Impl::digests_of(const Directory& part, const std::string& file_name,
                                               std::size_t blob_count, const Known& manifest, std::string_view called) {
  std::vector<StagedFile> files;
  if (auto file = StagedFile::open(part, file_name)) files.push_back(std::move(*file));
  if (files.empty()) throw Error::from_errno(ENOENT, part.path_of(file_name));
  const std::uint64_t expected_bytes = blob_count * manifest.page_bytes;
  if (files[0].stamp().size_bytes != expected_bytes) {
    refuse(fmt::format("'{}' of snapshot {}: expected {} bytes, found {}", called, digest.hex(), expected_bytes,
                       files[0].stamp().size_bytes));
  }
  return blobs.put(files, std::array{blob_count}, manifest.page_bytes, {size_bytes_of(manifest.manifest.meta.dtype)})
      .front();
}

bool ArrivingSnapshot::Impl::has_all(const PageFile& file, const PageEntry& page) const {
  const std::scoped_lock lock(mutex_);
  const auto has = [this](const Digest& blob) { return !missing_.contains(blob); };
  return (file.part == PagePart::value || has(page.k)) && (file.part == PagePart::key || has(page.v));
}

void ArrivingSnapshot::Impl::take_pages(const std::string& subdirectory, const std::string& from,
                                        const std::string& name) {
  const auto place = page_file_at(subdirectory, name);
  if (!place) refuse(fmt::format("'{}/{}' is no part of a snapshot", subdirectory, name));
  const KnownPtr manifest = known();
  const auto part = directory.part(place->part);
  if (!part) throw Error::from_errno(ENOENT, directory.root().path_of(subdirectory));
  if (!manifest) return rename_in(*part, from, name);
  const std::string called = path_of(*place);
  const PageEntry* page = find_page(manifest->pages, place->ix);
  if (page == nullptr) refuse(fmt::format("snapshot {} has no page '{}'", digest.hex(), called));
  // Given up meanwhile, as another transfer has brought it, too.
  if (from == name && !stamp_of(*part, from) && has_all(*place, *page)) return;
  const FileDigests found = digests_of(*part, from, blobs_in(place->part), *manifest, called);
  if (!matches(place->part, *page, found)) {
    refuse(fmt::format("'{}' of snapshot {} is not what its manifest says", called, digest.hex()));
  }
  rename_in(*part, from, name);
  const auto stamp = stamp_of(*part, name);
  if (!stamp) throw Error::from_errno(ENOENT, part->path_of(name));
  note_put(found, {subdirectory, name, *stamp});
}

void ArrivingSnapshot::Impl::check_copy(const Directory& part, const std::string& name, PageIndex ix) {
  const KnownPtr manifest = known();
  if (!manifest) return;
  const PageEntry* page = find_page(manifest->pages, ix);
  const FileDigests found = digests_of(part, name, 2, *manifest, part.path_of(name));
  if (page == nullptr || !matches(PagePart::whole, *page, found)) {
    refuse(fmt::format("'{}' is not page {} of snapshot {}", part.path_of(name), ix.value, digest.hex()));
  }
}

void ArrivingSnapshot::Impl::note_put(const FileDigests& digests, Taken taken) {
  unpublished_bytes_ += taken.stamp.size_bytes;
  taken_.push_back(std::move(taken));
  const std::scoped_lock lock(mutex_);
  for (const Digest& blob : digests.all()) {
    if (missing_.erase(blob) > 0) in_flight_.insert(blob);
  }
}

/// Takes all page files that are there, and removes those that don't match; their paths.
std::vector<std::string> ArrivingSnapshot::Impl::take_what_is_there() {
  const KnownPtr manifest = known();
  const std::vector<PageFile> files = directory.page_files();
  std::mutex mutex;
  std::vector<std::string> bad;
  const auto take_one = [&](const PageFile& file) {
    const auto part = directory.part(file.part);
    if (!part) return;  // somebody has moved it away
    const std::string name = page_file_name(file.ix);
    const PageEntry* page = find_page(manifest->pages, file.ix);
    const auto stamp = stamp_of(*part, name);
    if (!stamp) return;
    std::optional<FileDigests> found;
    if (page != nullptr && stamp->size_bytes == blobs_in(file.part) * manifest->page_bytes) {
      found = digests_of(*part, name, blobs_in(file.part), *manifest, path_of(file));
    }
    const std::scoped_lock lock(mutex);
    if (found && matches(file.part, *page, *found)) {
      note_put(*found, {directory_of(file.part), name, *stamp});
    } else {
      remove_quietly(*part, name);
      bad.push_back(path_of(file));
    }
  };
  parallel_for(files.size(), 0, {}, [&](std::size_t i) { take_one(files[i]); });
  return bad;
}

void ArrivingSnapshot::Impl::publish() {
  try {
    blobs.publish();
  } catch (...) {
    forget_what_was_put();
    throw;
  }
}

// What can't be asked of the store counts as missing: then its copy is looked at once more.
void ArrivingSnapshot::Impl::forget_what_was_put() noexcept {
  taken_.clear();
  unpublished_bytes_ = 0;
  is_untaken_ = true;
  const auto is_there = [&](const Digest& blob) noexcept {
    try {
      return store.blobs().contains(blob);
    } catch (const std::exception&) {
      return false;
    }
  };
  const KnownPtr manifest = known();
  const std::scoped_lock lock(mutex_);
  in_flight_.clear();
  if (!manifest) return;
  for (const PageEntry& page : manifest->pages) {
    for (const Digest& blob : {page.k, page.v}) {
      if (!is_there(blob)) missing_.insert(blob);
    }
  }
}

void ArrivingSnapshot::Impl::give_up_copies() {
  const WriterLease lease = store.lease();
  publish();
  {
    const std::scoped_lock lock(mutex_);
    in_flight_.clear();
  }
  for (const Taken& copy : taken_) {
    const auto part = directory.root().find_real_directory(copy.subdirectory);
    // One that was written meanwhile is to be taken again.
    if (part && stamp_of(*part, copy.name) == copy.stamp) remove_quietly(*part, copy.name);
  }
  taken_.clear();
  unpublished_bytes_ = 0;
}

void ArrivingSnapshot::Impl::seal_if_whole(Expect expect) {
  {
    const std::scoped_lock lock(mutex_);
    if (is_sealed_ || !known_ || !missing_.empty()) return;
  }
  if (expect == Expect::more && !directory.part(PagePart::whole)) return;
  const WriterLease lease = store.lease();
  publish();
  // A clean-up may have taken what the store had before this lease: nothing has held it.
  const KnownPtr manifest = known();
  learn(manifest);
  {
    const std::scoped_lock lock(mutex_);
    in_flight_.clear();
    if (!missing_.empty()) return;
  }
  seal_manifest(store, manifest->json, "snap/" + digest.hex());
  {
    const std::scoped_lock lock(mutex_);
    is_sealed_ = true;
  }
  clean_up();
}

/// What is sealed needs no copies. Directories stay for those who are still at work in them.
void ArrivingSnapshot::Impl::clean_up() {
  for (const PageFile& file : directory.page_files()) {
    if (const auto part = directory.part(file.part)) remove_quietly(*part, page_file_name(file.ix));
  }
  remove_quietly(directory.root(), kManifestFile);
  taken_.clear();
  unpublished_bytes_ = 0;
}

void ArrivingSnapshot::Impl::sync() {
  const std::scoped_lock work_lock(work_mutex_);
  if (is_sealed_) return;
  try {
    retake();
    if (!taken_.empty()) give_up_copies();
    seal_if_whole(Expect::nothing);
  } catch (const std::exception& failure) {
    const std::scoped_lock lock(mutex_);
    error_ = failure.what();
    throw;
  }
}

void ArrivingSnapshot::Impl::tidy() {
  const std::scoped_lock work_lock(work_mutex_);
  if (!is_sealed_) return;
  for (const std::string& name : directory.root().names()) {
    if (name.starts_with('.')) return;
  }
  for (const PagePart part : {PagePart::whole, PagePart::key, PagePart::value}) {
    if (const auto opened = directory.part(part); opened && !opened->names().empty()) return;
  }
  remove_links(directory.root());
  for (const PagePart part : {PagePart::whole, PagePart::key, PagePart::value}) {
    remove_quietly(directory.root(), directory_of(part), AT_REMOVEDIR);
  }
  remove_quietly(directory.root(), "seqs", AT_REMOVEDIR);
  discard();
}

ArrivingSnapshot::ArrivingSnapshot(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
ArrivingSnapshot::~ArrivingSnapshot() = default;

const Digest& ArrivingSnapshot::digest() const noexcept { return impl_->digest; }

void ArrivingSnapshot::take(std::string_view directory, std::string_view from, std::string_view name) {
  impl_->take(directory, from, name);
}

void ArrivingSnapshot::check_copy(std::string_view directory, std::string_view name, PageIndex page) {
  const std::scoped_lock work_lock(impl_->work_mutex_);
  impl_->directory.use();
  const auto part = find_below(impl_->directory.root(), directory);
  if (part) impl_->check_copy(*part, std::string(name), page);
}

void ArrivingSnapshot::sync() {
  impl_->directory.use();
  impl_->sync();
}

bool ArrivingSnapshot::is_sealed() const {
  const std::scoped_lock lock(impl_->mutex_);
  return impl_->is_sealed_;
}

std::shared_ptr<const PageManifest> ArrivingSnapshot::manifest() const {
  const auto known = impl_->known();
  return known ? std::shared_ptr<const PageManifest>(known, &known->manifest) : nullptr;
}

std::uint64_t ArrivingSnapshot::manifest_bytes() const {
  const auto known = impl_->known();
  return known ? known->json.size() : 0;
}

bool ArrivingSnapshot::has(const Digest& blob) const {
  const std::scoped_lock lock(impl_->mutex_);
  return impl_->known_ && !impl_->missing_.contains(blob) && !impl_->in_flight_.contains(blob);
}

std::string ArrivingSnapshot::error() const {
  const std::scoped_lock lock(impl_->mutex_);
  return impl_->error_;
}

}  // namespace pfcache
