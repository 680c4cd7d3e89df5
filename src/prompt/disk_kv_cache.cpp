#include "pfcache/disk_kv_cache.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <mutex>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "base/file_stamp.hpp"
#include "hash/sha1.hpp"
#include "pfcache/error.hpp"
#include "prompt/eviction.hpp"
#include "prompt/loaded_prompt.hpp"
#include "prompt/locks.hpp"
#include "prompt/payload_checksum.hpp"
#include "prompt/payload_source.hpp"
#include "prompt/prefix_search.hpp"
#include "prompt/prompt_file.hpp"
#include "prompt/prompt_index.hpp"
#include "prompt/prompt_writer.hpp"
#include "prompt/temp_sweep.hpp"

namespace pfcache {
namespace {

constexpr std::array<PromptForm, 2> kForms = {PromptForm::whole, PromptForm::recipe};

/// In which order to look: whoever makes a recipe the whole file that it stands for does so in between at most once.
constexpr std::array<PromptForm, 3> kLooks = {PromptForm::whole, PromptForm::recipe, PromptForm::whole};

Directory open_or_make(const std::filesystem::path& path) {
  if (std::filesystem::exists(path)) return Directory::open(path);
  auto target = std::filesystem::absolute(path);
  if (!target.has_filename()) target = target.parent_path();
  return Directory::open(target.parent_path()).make_directory(target.filename().native());
}

/// For counting hits where that is allowed, and for those who write.
UniqueFd open_to_write(const Directory& directory, const std::string& name) {
  return UniqueFd(directory.ops().open(directory.fd(), name.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK, 0));
}

FileStamp stamp_of_file(int fd, std::string_view path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) throw Error::from_last_errno(fmt::format("cannot stat '{}'", path));
  return stamp_of(st);
}

/// False for one that was removed or replaced.
bool has_name(int fd) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && st.st_nlink > 0;
}

/// Gives a file the checksum of its payload, unless somebody writes to it meanwhile: he closes it after that, and it
/// gets one then.
void make_checksum(FileOps& ops, int fd, const PromptInfo& info, std::string_view path) {
  const FileStamp before = stamp_of_file(fd, path);
  write_checksum(ops, fd, checksum_of(fd, body_offset(info), info.header.payload_bytes, path), path);
  const FileStamp after = stamp_of_file(fd, path);  // whose ctime is that of the attribute
  if (after.size_bytes == before.size_bytes && after.modified_ns == before.modified_ns) return;
  drop_prompt_checksum(fd, path);
}

}  // namespace

struct DiskKvCache::Impl {
  Impl(Directory where, std::uint64_t budget, DiskKvCacheOptions chosen)
      : directory(std::move(where)), path(directory.path()), budget_bytes(budget), options(std::move(chosen)) {
    if (budget < kMinPromptBudgetBytes) {
      throw Error(Errc::invalid_argument, fmt::format("a prompt cache's budget: expected at least {} bytes, found {}",
                                                      kMinPromptBudgetBytes, budget));
    }
    if (options.dedup && options.blobs == nullptr) {
      throw Error(Errc::invalid_argument, "a prompt cache that deduplicates needs a blob store");
    }
  }

  [[nodiscard]] std::uint64_t now() const {
    if (options.now_unix_secs) return options.now_unix_secs();
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(since).count());
  }

  void unlink(const PromptName& name) {
    const std::string file_name = name.file_name();
    if (directory.ops().unlink(directory.fd(), file_name.c_str(), 0) != 0 && errno != ENOENT) {
      throw Error::from_last_errno(fmt::format("cannot remove '{}'", directory.path_of(file_name)));
    }
    index.reread(file_name);
  }

  /// So that an entry is there once. REQUIRES: both locks are held.
  void unlink_other_forms(const PromptName& name) {
    for (const PromptForm form : kForms) {
      const PromptName other{name.key, form};
      if (form != name.form && index.find(other) != nullptr) unlink(other);
    }
  }

  /// Evicts what can never fit, which would take everything else with it, and then until entries other than `kept` are
  /// charged at most `room`. REQUIRES: both locks are held. A file that ds4, which takes no lock, renames into the
  /// place of one that is chosen goes with it: it is a cache.
  EvictionResult evict(std::uint64_t room, std::optional<PromptKey> kept) {
    index.refresh_headers();
    EvictionResult result;
    const auto evict_one = [&](const PromptInfo& info) {
      unlink(info.name);
      result.bytes += info.charged_bytes();
      ++result.entries;
    };
    std::uint64_t others = 0;
    std::vector<PromptInfo> unfit;
    EvictionQueue queue(options.policy, now());
    for (const auto& [name, info] : index.entries()) {
      if (name.key == kept) continue;
      if (info.charged_bytes() > budget_bytes) {
        unfit.push_back(info);
      } else {
        others += info.charged_bytes();
        queue.add(info);
      }
    }
    for (const PromptInfo& info : unfit) evict_one(info);
    if (others <= room) return result;
    queue.order();
    while (others > room && !queue.empty()) {
      const PromptInfo info = queue.pop();
      evict_one(info);
      others -= info.charged_bytes();
    }
    return result;
  }

  /// For those who never ask for an eviction. REQUIRES: `mutex` is held.
  void sweep_when_due() {
    const auto time = std::chrono::steady_clock::now();
    if (last_sweep && time - *last_sweep < kPromptTempAge) return;
    last_sweep = time;
    try {
      sweep_prompt_temps(directory, kPromptTempAge);
    } catch (const Error&) {
      // A save has not failed for what others left behind; evict_to_budget() says what is wrong with it.
    }
  }

  void require_fit(const PromptInfo& info) const {
    if (info.charged_bytes() <= budget_bytes) return;
    throw Error(Errc::too_large, fmt::format("prompt {}: {} bytes never fit a budget of {}", info.name.key.hex(),
                                             info.charged_bytes(), budget_bytes));
  }

  [[nodiscard]] PromptForm form() const noexcept { return options.dedup ? PromptForm::recipe : PromptForm::whole; }

  /// `require_current`: called before the entry gets its name, with both locks held, and throws when it must not.
  PromptSaveResult save(const PromptSave& prompt, PayloadSource& source, PromptForm form, const std::stop_token& stop,
                        const std::function<void()>& require_current = {}) {
    PromptSave stamped = prompt;
    if (stamped.header.created_unix_secs == 0) stamped.header.created_unix_secs = now();
    if (stamped.header.last_used_unix_secs == 0) stamped.header.last_used_unix_secs = now();
    WrittenPrompt written = write_prompt(directory, stamped, source,
                                         {budget_bytes, form == PromptForm::recipe ? options.blobs : nullptr, stop});
    require_fit(written.info);

    const PromptName& name = written.info.name;
    const DirectoryLock lock(directory, options.lock_wait);
    const std::scoped_lock guard(mutex);
    if (require_current) require_current();
    sweep_when_due();
    const EvictionResult evicted = evict(budget_bytes - written.info.charged_bytes(), name.key);
    written.file.publish(name.file_name());
    unlink_other_forms(name);
    directory.sync();
    index.reread(name.file_name());
    return {written.info, written.has_checksum, evicted.entries, evicted.bytes};
  }

  std::optional<LoadedPrompt> load(const PromptName& name, const PromptLoadOptions& load_options) const;

  /// By the headers in memory, so that files of another model aren't opened for nothing.
  void drop_unfit(std::vector<Candidate>& candidates, const PromptFilter& filter) const {
    const std::scoped_lock guard(mutex);
    std::erase_if(candidates, [&](const Candidate& it) {
      const PromptInfo* info = index.find(it.name);
      return info == nullptr || !fits(*info, filter);
    });
  }

  Directory directory;
  std::filesystem::path path;
  std::uint64_t budget_bytes;
  DiskKvCacheOptions options;
  mutable std::mutex mutex;
  // Both below are guarded by mutex.
  mutable PromptIndex index{directory};
  std::optional<std::chrono::steady_clock::time_point> last_sweep;
};

std::optional<LoadedPrompt> DiskKvCache::Impl::load(const PromptName& name,
                                                    const PromptLoadOptions& load_options) const {
  const std::string file_name = name.file_name();
  auto loaded = std::make_unique<LoadedPrompt::Impl>();
  if (load_options.touch || load_options.writable) loaded->fd = open_to_write(directory, file_name);
  const bool may_touch = load_options.touch && loaded->fd;
  if (!loaded->fd) {
    if (load_options.writable && errno == ENOENT) return std::nullopt;
    if (load_options.writable) {
      throw Error::from_last_errno(fmt::format("cannot open '{}' to write it", directory.path_of(file_name)));
    }
    auto found = directory.find_file(file_name);
    if (!found) return std::nullopt;
    loaded->fd = std::move(*found);
  }
  const int fd = loaded->fd.get();
  loaded->ops = &directory.ops();
  loaded->path = directory.path_of(file_name);
  loaded->info = read_prompt_info(fd, name, loaded->path);
  loaded->text = read_prompt_text(fd, loaded->info, loaded->path);
  loaded->blobs = options.blobs;
  if (name.form == PromptForm::recipe) {
    loaded->take_chunks(read_recipe(fd, loaded->info, loaded->path));
    loaded->is_verified = true;  // each chunk is checked whenever it is read
  } else if (load_options.verify) {
    loaded->is_verified = verify_prompt_payload(fd, loaded->info, loaded->path);
  }
  if (may_touch) touch_prompt(directory.ops(), fd, now());
  return LoadedPrompt(std::move(loaded));
}

DiskKvCache::DiskKvCache(const std::filesystem::path& dir, std::uint64_t budget_bytes, DiskKvCacheOptions options)
    : impl_(std::make_unique<Impl>(open_or_make(dir), budget_bytes, std::move(options))) {}

DiskKvCache::DiskKvCache(const Directory& dir, std::uint64_t budget_bytes, DiskKvCacheOptions options)
    : impl_(std::make_unique<Impl>(dir.duplicate(), budget_bytes, std::move(options))) {}

DiskKvCache::~DiskKvCache() = default;

PromptKey DiskKvCache::key_for(std::string_view text) { return PromptKey(sha1(as_bytes(text))); }
const std::filesystem::path& DiskKvCache::dir() const noexcept { return impl_->path; }
std::uint64_t DiskKvCache::budget_bytes() const noexcept { return impl_->budget_bytes; }
std::filesystem::path DiskKvCache::path_for(const PromptKey& key) const {
  return impl_->path / PromptName{key, PromptForm::whole}.file_name();
}

std::uint64_t DiskKvCache::total_bytes() const {
  const std::scoped_lock guard(impl_->mutex);
  impl_->index.refresh_headers();
  return impl_->index.total_bytes();
}

PromptSaveResult DiskKvCache::save(const PromptSave& prompt, std::span<const std::byte> payload,
                                   const std::stop_token& stop) {
  SpanSource source(payload);
  return impl_->save(prompt, source, impl_->form(), stop);
}

PromptSaveResult DiskKvCache::save(const PromptSave& prompt, int payload_fd, const std::stop_token& stop) {
  FdSource source(payload_fd, stop);
  return impl_->save(prompt, source, impl_->form(), stop);
}

std::optional<LoadedPrompt> DiskKvCache::load(const PromptKey& key, const PromptLoadOptions& options) const {
  for (const PromptForm form : kLooks) {
    if (auto loaded = impl_->load({key, form}, options)) return loaded;
  }
  return std::nullopt;
}

std::optional<PromptInfo> DiskKvCache::find(const PromptKey& key) const {
  for (const PromptForm form : kLooks) {
    const PromptName name{key, form};
    const std::string file_name = name.file_name();
    const auto fd = impl_->directory.find_file(file_name);
    if (fd) return read_prompt_info(fd->get(), name, impl_->directory.path_of(file_name));
  }
  return std::nullopt;
}

std::optional<PromptInfo> DiskKvCache::find_longest(std::string_view prompt, const PromptFilter& filter) const {
  std::vector<Candidate> candidates;
  {
    const std::scoped_lock guard(impl_->mutex);
    impl_->index.refresh();
    candidates = impl_->index.tails().candidates(prompt);
  }
  const auto few = std::span<const Candidate>(candidates).first(std::min(candidates.size(), kFewCandidates));
  if (auto found = first_prefix(impl_->directory, few, prompt, filter)) return found;
  candidates.erase(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(few.size()));
  if (candidates.empty()) return std::nullopt;
  drop_other_keys(candidates, prompt);
  impl_->drop_unfit(candidates, filter);
  return first_prefix(impl_->directory, candidates, prompt, filter);
}

PromptListing DiskKvCache::list() const {
  const std::scoped_lock guard(impl_->mutex);
  impl_->index.refresh_headers();
  PromptListing listing;
  for (const auto& [name, info] : impl_->index.entries()) listing.entries.push_back(info);
  std::ranges::sort(listing.entries, {}, &PromptInfo::name);
  for (const auto& [name, why] : impl_->index.unreadable()) listing.unreadable.push_back(why);
  return listing;
}

bool DiskKvCache::remove(const PromptKey& key) {
  const DirectoryLock lock(impl_->directory, impl_->options.lock_wait);
  const std::scoped_lock guard(impl_->mutex);
  bool removed = false;
  for (const PromptForm form : kForms) {
    const std::string name = PromptName{key, form}.file_name();
    removed |= impl_->directory.remove_file(name);
    impl_->index.reread(name);
  }
  return removed;
}

EvictionResult DiskKvCache::evict_to_budget() {
  sweep_temp_files();
  const DirectoryLock lock(impl_->directory, impl_->options.lock_wait);
  const std::scoped_lock guard(impl_->mutex);
  const EvictionResult result = impl_->evict(impl_->budget_bytes, std::nullopt);
  if (result.entries > 0) impl_->directory.sync();
  return result;
}

PromptInfo DiskKvCache::adopt(std::string_view file_name) {
  const auto name = PromptName::parse(file_name);
  if (!name) {
    throw Error(Errc::invalid_argument,
                fmt::format("'{}': expected 40 lower-case hex digits and .kv or .kvd", file_name.substr(0, 60)));
  }
  const std::string path = impl_->directory.path_of(file_name);
  const auto fd = impl_->directory.find_file(name->file_name());
  if (!fd) throw Error(Errc::not_found, fmt::format("prompt '{}'", path));
  const PromptInfo info = validate_prompt_file(fd->get(), *name, path);
  impl_->require_fit(info);
  // One that is there is of this payload, or tells that it is damaged: made anew it would vouch for the damage.
  if (name->form == PromptForm::whole && !read_checksum(fd->get())) {
    make_checksum(impl_->directory.ops(), fd->get(), info, path);
  }
  const DirectoryLock lock(impl_->directory, impl_->options.lock_wait);
  const std::scoped_lock guard(impl_->mutex);
  impl_->index.reread(name->file_name());
  impl_->evict(impl_->budget_bytes - info.charged_bytes(), name->key);
  impl_->unlink_other_forms(*name);
  impl_->directory.sync();
  return info;
}

bool DiskKvCache::make_whole(const PromptKey& key) {
  auto loaded = impl_->load({key, PromptForm::recipe}, {.touch = false});
  if (!loaded) return false;
  const std::vector<std::byte> trailer = loaded->trailer();
  const PromptSave prompt{loaded->text(), loaded->info().header, trailer};
  LoadedSource source(*loaded);
  // Decoding takes its time, in which another may have saved the entry anew or removed it.
  impl_->save(prompt, source, PromptForm::whole, {}, [&] {
    const bool is_there = has_name(loaded->fd());
    if (is_there && !impl_->directory.has(PromptName{key, PromptForm::whole}.file_name())) return;
    throw Error::from_errno(ESTALE, fmt::format("prompt {} was replaced or removed meanwhile", key.hex()));
  });
  return true;
}

std::uint64_t DiskKvCache::sweep_temp_files(std::chrono::seconds min_age) {
  return sweep_prompt_temps(impl_->directory, min_age);
}

}  // namespace pfcache
