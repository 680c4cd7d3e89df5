// One run of the garbage collector.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cas/blob_files.hpp"
#include "pfcache/gc.hpp"
#include "upkeep/gc_marks.hpp"

namespace pfcache {

/// The order, and why nothing that is needed goes:
///
///   mark → list what is not marked and old → [lock → mark what is new → staging directories → sync → unlink … →
///   unlock] …
///
/// - What is sealed before the lock is taken is seen by the marking under the lock; what is put after the lock is given
///   back is put by somebody who looked at the store after the unlinks; nobody puts in between.
/// - A seal that somebody removes but has not synced could come back after a crash: the directories of roots are synced
///   before the first unlink, and staging directories are gone durably before it.
/// - What is put again was touched, and is looked at once more right before it would go.
class GcRun {
 public:
  /// `at` is told where the run is: "marked", "locked", "unlocked". For tests that force interleavings.
  GcRun(const Store& store, GcOptions options, std::function<void(std::string_view)> at = {})
      : store_(store), options_(std::move(options)), at_(std::move(at)), marks_(store, options_.stop) {}

  GcReport run();

  /// Removes only temp files, those at least that are old: for this nothing needs to be marked.
  GcReport run_temp_files();

 private:
  /// A file of a blob that nobody needs, as far as is known without the lock.
  struct Candidate {
    Digest digest;
    Encoding encoding;
    std::uint64_t stored_bytes;
  };
  struct TempFile {
    const Directory* directory;
    std::string name;
    std::uint64_t bytes;
  };

  void find_expired_staging();
  void find_candidates();
  void find_blobs_in(const Directory& shard, std::size_t index);
  void find_temp_files(const Directory& directory);
  void report_candidates();
  void sweep();
  void sweep_for_a_while();
  void sync_roots() const;
  [[nodiscard]] std::vector<Directory> root_directories() const;
  void remove_expired_staging();
  [[nodiscard]] bool remove_staging(const std::string& name);
  void remove_blob(const Candidate& candidate);
  void remove_temp_file(const TempFile& file);
  [[nodiscard]] CleanupLease lock() const;
  [[nodiscard]] bool is_old(std::int64_t modified_ns) const noexcept;
  void tell(std::string_view where) const {
    if (at_) at_(where);
  }

  const Store& store_;
  const GcOptions options_;
  const std::function<void(std::string_view)> at_;
  GcMarks marks_;
  BlobDirectories directories_{store_.directory()};
  std::vector<Directory> other_directories_;  // where temp files may lie, besides shards
  std::set<std::string> expired_;             // names below staging/
  std::vector<Candidate> candidates_;
  std::vector<TempFile> temp_files_;
  GcReport report_;
};

}  // namespace pfcache
