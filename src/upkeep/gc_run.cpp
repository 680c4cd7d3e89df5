#include "upkeep/gc_run.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <thread>

#include "base/parallel.hpp"
#include "base/phase_counter.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_recipes.hpp"
#include "upkeep/staging_tree.hpp"

namespace pfcache {
namespace {

using Clock = std::chrono::steady_clock;

// How long writers wait at a stretch: for a turn of the sweep, and for it to begin when others don't end.
constexpr auto kTurn = std::chrono::milliseconds(500);
constexpr auto kPatience = std::chrono::milliseconds(200);

std::optional<FileStamp> find_stamp(const Directory& directory, const std::string& name) {
  struct stat st {};
  if (::fstatat(directory.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    return S_ISREG(st.st_mode) ? std::optional(stamp_of(st)) : std::nullopt;
  }
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
}

/// False when it had gone already. Not synced: what a crash brings back is garbage as it was before.
bool unlink(const Directory& directory, const std::string& name) {
  if (directory.ops().unlink(directory.fd(), name.c_str(), 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw Error::from_last_errno(fmt::format("cannot remove '{}'", directory.path_of(name)));
}

}  // namespace

GcReport GcRun::run() {
  throw_if_stopped(options_.stop);
  find_expired_staging();
  marks_.add_roots(expired_, options_.on_progress);
  // Not once more under the lock, which pf-core does not know: nothing helps who lets it write meanwhile.
  if (store_.may_hold_unsealed_snapshots() && !options_.unsealed) marks_.add_unsealed(options_.on_progress);
  tell("marked");
  find_candidates();
  if (options_.dry_run) {
    report_candidates();
  } else {
    sweep();
    store_.note_cleanup();
  }
  report_.snapshots = marks_.manifests();
  report_.blobs_needed = marks_.blobs();
  return std::move(report_);
}

GcReport GcRun::run_temp_files() {
  for (std::size_t index = 0; index < kShards; ++index) {
    throw_if_stopped(options_.stop);
    if (const Directory* shard = directories_.find(index)) find_temp_files(*shard);
  }
  other_directories_ = root_directories();
  for (const Directory& directory : other_directories_) find_temp_files(directory);
  if (options_.dry_run) {
    report_candidates();
  } else if (!temp_files_.empty()) {
    const CleanupLease lease = lock();
    for (const TempFile& file : temp_files_) remove_temp_file(file);
  }
  return std::move(report_);
}

void GcRun::find_expired_staging() {
  const std::int64_t oldest_kept = std::time(nullptr) - store_.staging_keep().count();
  for (const StagingEntry& entry : list_staging(store_)) {
    if (entry.touched_unix_secs < oldest_kept) expired_.insert(entry.name);
  }
}

void GcRun::find_candidates() {
  PhaseCounter listed(options_.on_progress, {"list", "directory", 0, kShards});
  for (std::size_t index = 0; index < kShards; ++index) {
    throw_if_stopped(options_.stop);
    if (const Directory* shard = directories_.find(index)) find_blobs_in(*shard, index);
    listed.add(1);
  }
  other_directories_ = root_directories();
  for (const Directory& directory : other_directories_) find_temp_files(directory);
}

void GcRun::find_blobs_in(const Directory& shard, std::size_t index) {
  for (const std::string& name : shard.names()) {
    const auto blob = parse_blob_file_name(name);
    if (blob ? shard_of(blob->digest) != index || marks_.contains(blob->digest) : !is_temp_name(name)) continue;
    const auto stamp = find_stamp(shard, name);
    if (!stamp) continue;
    if (!blob) {
      if (is_old(stamp->modified_ns)) temp_files_.push_back({&shard, name, stamp->size_bytes});
    } else if (is_old(stamp->modified_ns)) {
      candidates_.push_back({blob->digest, blob->encoding, stamp->size_bytes});
    } else {
      ++report_.blobs_young;
      report_.bytes_young += stamp->size_bytes;
    }
  }
}

void GcRun::find_temp_files(const Directory& directory) {
  for (const std::string& name : directory.names()) {
    if (!is_temp_name(name)) continue;
    const auto stamp = find_stamp(directory, name);
    if (stamp && is_old(stamp->modified_ns)) temp_files_.push_back({&directory, name, stamp->size_bytes});
  }
}

void GcRun::report_candidates() {
  for (const Candidate& candidate : candidates_) report_.bytes_removed += candidate.stored_bytes;
  report_.blobs_removed = candidates_.size();
  for (const TempFile& file : temp_files_) report_.temp_bytes_removed += file.bytes;
  report_.temp_files_removed = temp_files_.size();
  for (const StagingEntry& entry : list_staging(store_)) {
    if (!expired_.contains(entry.name)) continue;
    report_.staging_removed.push_back(entry.name);
    report_.staging_bytes_removed += entry.bytes;
  }
}

void GcRun::sweep() {
  PhaseCounter swept(options_.on_progress, {"sweep", "file", 0, candidates_.size() + temp_files_.size()});
  while (!candidates_.empty() || !temp_files_.empty() || !expired_.empty()) {
    const std::size_t before = candidates_.size() + temp_files_.size();
    {
      const CleanupLease lease = lock();
      const auto start = Clock::now();
      tell("locked");
      sweep_for_a_while();
      report_.longest_exclusive = std::max<std::chrono::nanoseconds>(report_.longest_exclusive, Clock::now() - start);
    }
    tell("unlocked");
    swept.add(before - candidates_.size() - temp_files_.size());
  }
}

void GcRun::sweep_for_a_while() {
  marks_.add_roots(expired_);
  if (!expired_.empty()) {
    remove_expired_staging();
    marks_.add_roots({});  // what is in use after all
  }
  sync_roots();
  const auto end = Clock::now() + kTurn;
  do {
    throw_if_stopped(options_.stop);
    if (!candidates_.empty()) {
      const Candidate candidate = candidates_.back();
      candidates_.pop_back();
      remove_blob(candidate);
    } else if (!temp_files_.empty()) {
      const TempFile file = temp_files_.back();
      temp_files_.pop_back();
      remove_temp_file(file);
    } else {
      return;
    }
  } while (Clock::now() < end);
}

void GcRun::sync_roots() const {
  for (const Directory& directory : root_directories()) directory.sync();
  // Its temp files are the prompt cache's own to sweep, whose writers need no lease.
  if (const auto prompts = store_.directory().find_directory(kPromptDirectory)) prompts->sync();
}

std::vector<Directory> GcRun::root_directories() const {
  std::vector<Directory> found;
  found.push_back(store_.directory().duplicate());
  for (const char* name : {"snapshots", "refs", "files"}) {
    if (auto directory = store_.directory().find_directory(name)) found.push_back(std::move(*directory));
  }
  return found;
}

void GcRun::remove_expired_staging() {
  for (const std::string& name : std::exchange(expired_, {})) {
    throw_if_stopped(options_.stop);
    if (remove_staging(name)) report_.staging_removed.push_back(name);
  }
}

// Under the directory's own lock, which whoever uses it shares.
bool GcRun::remove_staging(const std::string& name) {
  const std::size_t slash = name.find('/');
  const auto staging = find_real_directory(store_.directory(), kStaging);
  const auto parent = staging ? find_real_directory(*staging, name.substr(0, slash)) : std::nullopt;
  const auto directory = parent ? find_real_directory(*parent, name.substr(slash + 1)) : std::nullopt;
  if (!directory || ::flock(directory->fd(), LOCK_EX | LOCK_NB) != 0) return false;
  const auto entry = look_at_tree(*parent, name.substr(slash + 1));
  if (!entry || entry->touched_unix_secs >= std::time(nullptr) - store_.staging_keep().count()) return false;
  remove_tree(*parent, name.substr(slash + 1));
  parent->sync();
  report_.staging_bytes_removed += entry->bytes;
  return true;
}

void GcRun::remove_blob(const Candidate& candidate) {
  if (marks_.contains(candidate.digest)) return;
  const Directory& shard = *directories_.find(shard_of(candidate.digest));
  const std::string name = blob_file_name(candidate.digest, codec_of(candidate.encoding));
  const auto stamp = find_stamp(shard, name);
  if (!stamp || !is_old(stamp->modified_ns) || !unlink(shard, name)) return;
  ++report_.blobs_removed;
  report_.bytes_removed += stamp->size_bytes;
}

void GcRun::remove_temp_file(const TempFile& file) {
  const auto stamp = find_stamp(*file.directory, file.name);
  if (!stamp || !is_old(stamp->modified_ns) || !unlink(*file.directory, file.name)) return;
  ++report_.temp_files_removed;
  report_.temp_bytes_removed += stamp->size_bytes;
}

CleanupLease GcRun::lock() const {
  const auto end = Clock::now() + options_.wait;
  while (true) {
    throw_if_stopped(options_.stop);
    if (auto lease = store_.try_cleanup_lease(std::min<std::chrono::milliseconds>(options_.wait, kPatience)))
      return std::move(*lease);
    if (Clock::now() >= end) {
      throw Error(Errc::busy, fmt::format("somebody has been writing to the store '{}' for {} ms, for longer than is "
                                          "waited",
                                          store_.path().native(), options_.wait.count()));
    }
    std::this_thread::sleep_for(kPatience);
  }
}

bool GcRun::is_old(std::int64_t modified_ns) const noexcept {
  return stamp_clock_ns() - modified_ns >= std::chrono::nanoseconds(options_.grace).count();
}

}  // namespace pfcache
