// A prompt cache in a directory: KVC files under a budget, found by their text or by the longest stored text that a
// prompt starts with.
//
// Any number of threads may use one cache, and any number of processes one directory, programs that know nothing of us
// included: what they rename, write or remove in it is noticed. Ours take turns with a lock on the directory while they
// evict and publish, and never while they write. After fork() a child makes a cache of its own.
//
// Example:
//
//   #include <pfcache/disk_kv_cache.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::DiskKvCache cache("prompts", pfcache::kDefaultPromptBudgetBytes);
//     const std::vector<std::byte> state(1000);
//     cache.save({.text = "You are helpful.", .header = {.token_count = 4}}, state);
//     const auto longest = cache.find_longest("You are helpful. Hello!");
//     if (auto found = longest ? cache.load(longest->name.key) : std::nullopt) {
//       std::cout << found->text() << ' ' << found->payload().size() << '\n';  // prints You are helpful. 1000
//     }
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/blob_store.hpp"
#include "pfcache/prompt_file.hpp"

namespace pfcache {
class Directory;  // not exported, hence before the pragma
}

#pragma GCC visibility push(default)
namespace pfcache {

inline constexpr std::uint64_t kMinPromptBudgetBytes = std::uint64_t{64} << 20;
inline constexpr std::uint64_t kDefaultPromptBudgetBytes = std::uint64_t{8} << 30;
/// Temp files that nobody holds are swept once they are this old: by evictions, and by a cache's first save and then
/// one so often.
inline constexpr std::chrono::seconds kPromptTempAge = std::chrono::hours(1);

/// Which entry goes first when room is needed.
enum class EvictionPolicy {
  lru,    ///< the one that was not used for longest
  value,  ///< ds4's: the one whose tokens, weighed by recent hits, are worth least for a byte
};

struct DiskKvCacheOptions {
  EvictionPolicy policy = EvictionPolicy::value;
  BlobStore* blobs = nullptr;  ///< where the chunks of recipes are; must outlive the cache
  bool dedup = false;          ///< save recipes. REQUIRES: `blobs`, and a WriterLease of its store during each save
  std::chrono::milliseconds lock_wait{10'000};     ///< how long others may hold the directory before it is Errc::busy
  std::function<std::uint64_t()> now_unix_secs{};  ///< the system's clock when empty
};

/// What is saved beside the payload.
struct PromptSave {
  std::string_view text;
  PromptHeader header;                      ///< times of 0 are now; its lengths are filled in
  std::span<const std::byte> trailer = {};  ///< kept behind the payload as it is
};

struct PromptSaveResult {
  PromptInfo info;
  bool has_checksum = false;  ///< false where the filesystem keeps no extended attributes: it will load unverified
  std::uint64_t evicted_entries = 0;
  std::uint64_t evicted_bytes = 0;
};

struct PromptLoadOptions {
  bool verify = true;     ///< read the payload and check it against the checksum made when it was saved
  bool touch = true;      ///< count a hit, where the file may be written
  bool writable = false;  ///< for write_whole() and resize_whole(). Throws: system errors where it may not be written
};

/// An entry that was opened. It stays readable when the entry is replaced or evicted. Any number of threads may call
/// what is const at once, and one alone what isn't.
class LoadedPrompt {
 public:
  LoadedPrompt(LoadedPrompt&&) noexcept;
  LoadedPrompt& operator=(LoadedPrompt&&) noexcept;
  ~LoadedPrompt();

  [[nodiscard]] const PromptInfo& info() const noexcept;
  /// Its SHA-1 is the key.
  [[nodiscard]] const std::string& text() const noexcept;
  /// True when the payload is known to be what was saved; false for one that came without a checksum (of ds4, or copied
  /// without its extended attributes), or was not to be verified.
  [[nodiscard]] bool is_verified() const noexcept;

  /// The whole payload: of a whole file a mapped view, of a recipe its decoded chunks, kept while this object lives.
  /// Throws: as read_payload; Errc::unsupported for a recipe without a blob store.
  [[nodiscard]] std::span<const std::byte> payload();

  /// Fills `out` from `offset`. Throws: Errc::invalid_argument beyond the payload's end; Errc::damaged; system errors.
  void read_payload(std::uint64_t offset, std::span<std::byte> out) const;

  /// What follows the payload. Throws: Errc::too_large; system errors.
  [[nodiscard]] std::vector<std::byte> trailer() const;

  /// The whole file that the entry is, or stands for as a recipe, as it is by now: what was written to its header and
  /// trailer since it was opened is in it.
  [[nodiscard]] std::uint64_t whole_bytes() const;

  /// Fills `out` from `offset` of that file. REQUIRES: no further than its end. Throws: as read_payload.
  void read_whole(std::uint64_t offset, std::span<std::byte> out) const;

  /// Writes into that file where a recipe has the bytes itself: to the header, whose magic and lengths must stay what
  /// they are, and behind the payload. False, and nothing is written, for other bytes: they take a whole file, see
  /// DiskKvCache::make_whole. Not synced. REQUIRES: a recipe, loaded as writable.
  /// Throws: Errc::too_large above kMaxPromptTrailerBytes; system errors.
  bool write_whole(std::uint64_t offset, std::span<const std::byte> bytes);

  /// Gives that file another length, by cutting the trailer or by zeros behind it. False, and nothing is done, when it
  /// would end before the payload does. As write_whole() otherwise.
  bool resize_whole(std::uint64_t size_bytes);

  /// The open file, of the form that info() says: for fstat(2) and fsync(2).
  [[nodiscard]] int fd() const noexcept;

 private:
  friend class DiskKvCache;
  struct Impl;
  explicit LoadedPrompt(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

/// Which stored prompts an engine can use; what is absent doesn't matter.
struct PromptFilter {
  std::optional<std::uint8_t> quant_bits;
  std::optional<std::uint8_t> model_id;
  std::optional<std::uint32_t> max_tokens;  ///< at most this many: the engine's context
};

struct PromptListing {
  std::vector<PromptInfo> entries;      ///< ascending by key
  std::vector<std::string> unreadable;  ///< why each other file with an entry's name is none; never evicted
};

struct EvictionResult {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;
};

class DiskKvCache {
 public:
  /// Opens `dir`, making it when it is absent. The headers of what is in it are read when they are first needed: by all
  /// but load(), find() and remove().
  /// Throws: Errc::invalid_argument for a budget below kMinPromptBudgetBytes; system errors.
  DiskKvCache(const std::filesystem::path& dir, std::uint64_t budget_bytes, DiskKvCacheOptions options = {});

  /// As above, on a directory that is already open. For use inside the library and its tests.
  DiskKvCache(const Directory& dir, std::uint64_t budget_bytes, DiskKvCacheOptions options = {});
  ~DiskKvCache();
  DiskKvCache(const DiskKvCache&) = delete;
  DiskKvCache& operator=(const DiskKvCache&) = delete;

  [[nodiscard]] static PromptKey key_for(std::string_view text);
  [[nodiscard]] const std::filesystem::path& dir() const noexcept;
  [[nodiscard]] std::uint64_t budget_bytes() const noexcept;
  /// DIR/<key>.kv. Whether there is such a file is another matter.
  [[nodiscard]] std::filesystem::path path_for(const PromptKey& key) const;
  /// What all entries are charged. At most the budget after a save.
  [[nodiscard]] std::uint64_t total_bytes() const;

  /// Saves an entry, durable when it returns, over whatever has its key; evicts others until all fit the budget.
  /// Throws: Errc::too_large when it can never fit; Errc::busy; Errc::interrupted; system errors, ENOSPC before a
  /// payload of known size is copied. A save that fails leaves the entry as it was.
  PromptSaveResult save(const PromptSave& prompt, std::span<const std::byte> payload, const std::stop_token& stop = {});

  /// As above, with the payload read from `payload_fd` to its end: a file, a pipe, a socket.
  PromptSaveResult save(const PromptSave& prompt, int payload_fd, const std::stop_token& stop = {});

  /// The entry of a key; nothing when there is none. Throws: Errc::damaged when text or payload are not what was saved;
  /// Errc::malformed, Errc::unsupported, Errc::too_large for a file that is no entry; system errors.
  [[nodiscard]] std::optional<LoadedPrompt> load(const PromptKey& key, const PromptLoadOptions& options = {}) const;

  /// An entry's header, read now; nothing when there is none. Throws: as read_prompt_info.
  [[nodiscard]] std::optional<PromptInfo> find(const PromptKey& key) const;

  /// The entry with the longest text that `prompt` starts with, its bytes compared. Files that can't be read are passed
  /// over. Opens one file when the text before the end of the best entry is what tells it apart, as it nearly always
  /// is.
  [[nodiscard]] std::optional<PromptInfo> find_longest(std::string_view prompt, const PromptFilter& filter = {}) const;

  [[nodiscard]] PromptListing list() const;

  /// Removes an entry in both forms, durably. False when there was none.
  bool remove(const PromptKey& key);

  /// Evicts until all entries fit the budget, and sweeps what writers that died left.
  /// Throws: Errc::busy; system errors.
  EvictionResult evict_to_budget();

  /// Makes a recipe the whole file that it stands for, durably. False when there is none of that key.
  /// Throws: as load and save; ESTALE when the entry was replaced or removed meanwhile.
  bool make_whole(const PromptKey& key);

  /// Takes note of a file that somebody else has just renamed to, or rewritten at, DIR/<file_name>: checks it as
  /// validate_prompt_file does, gives it a checksum if it has none (see drop_prompt_checksum), evicts others until all
  /// fit the budget, and removes the entry in its other form.
  /// Throws: Errc::invalid_argument for a name that isn't an entry's; Errc::not_found; Errc::too_large when it can
  /// never fit; as validate_prompt_file. The file stays where it is whatever happens.
  PromptInfo adopt(std::string_view file_name);

  /// Removes temp files, ours and ds4's, that are at least this old, that no process has locked and whose writer, where
  /// the name tells it, is gone. Returns how many.
  std::uint64_t sweep_temp_files(std::chrono::seconds min_age = kPromptTempAge);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// Calls `visit` for each chunk that a recipe below `dir` needs, some more than once: the roots of a clean-up. An
/// absent directory has none. Throws: on the first recipe that can't be read (Errc::damaged, Errc::malformed, …), since
/// what it needs is not known then; system errors.
void for_each_prompt_chunk(const std::filesystem::path& dir, const std::function<void(const Digest&)>& visit);

/// True for names under which we, ds4 and rsync write files that are not complete.
[[nodiscard]] bool is_prompt_temp_name(std::string_view file_name) noexcept;

}  // namespace pfcache
#pragma GCC visibility pop
