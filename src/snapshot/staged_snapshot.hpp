// The inside of StagedSnapshot.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>

#include "pfcache/staging.hpp"
#include "snapshot/staged_blobs.hpp"
#include "snapshot/staging_directory.hpp"
#include "snapshot/staging_workers.hpp"

namespace pfcache {

/// Locks, in the order in which they are taken: work_mutex_ (sync and commit, one at a time), then mutex_.
struct StagedSnapshot::Impl : std::enable_shared_from_this<Impl> {
  /// `discard` takes the directory away once it is committed.
  Impl(Store& a_store, StagingWorkers& a_workers, Directory a_directory, std::string a_name,
       std::function<void()> a_discard)
      : store(a_store),
        workers(a_workers),
        directory(std::move(a_directory)),
        name(std::move(a_name)),
        discard(std::move(a_discard)),
        blobs(a_store.blobs()) {}

  void note_closed(std::string_view subdirectory, std::string_view file_name);
  void sync();
  Digest commit(const CommitOptions& options);

  struct Draft {
    FileStamp stamp;
    std::string json;
    ManifestDraft manifest;
    std::uint64_t page_bytes = 0;
  };
  using DraftPtr = std::shared_ptr<const Draft>;

  void enqueue(const std::vector<PageFile>& files);
  void work_once() noexcept;
  void let_writers_pass();
  [[nodiscard]] std::vector<PageFile> take_group(const Draft& draft);

  [[nodiscard]] DraftPtr load_draft();  // null when there is none
  [[nodiscard]] DraftPtr require_draft();
  // Whether to put files, too, that were put and haven't changed: their blobs may be gone.
  enum class Again : bool { no, yes };
  void put(const Draft& draft, std::span<const PageFile> files);
  void put_group(const Draft& draft, std::span<const PageFile> files, Again again);
  // The digests of a file that is in the store as it is; nothing when it is to be put.
  [[nodiscard]] std::optional<FileDigests> stored(const PageFile& file, const PartDirectories& parts);
  // Makes sure of all of them, and returns their digests.
  [[nodiscard]] std::vector<FileDigests> store_all(const Draft& draft, const std::vector<PageFile>& files);
  [[nodiscard]] std::vector<PageFile> regular_page_files() const;
  [[nodiscard]] std::vector<PageFile> chosen_files(const Draft& draft);
  void require_same_halves(const Draft& draft, const std::vector<PageFile>& files,
                           const std::vector<FileDigests>& digests);
  [[nodiscard]] std::string build_manifest(const Draft& draft, const std::vector<PageFile>& files,
                                           const std::vector<FileDigests>& digests) const;
  [[nodiscard]] Digest seal(const std::string& json);
  [[nodiscard]] Digest commit_locked(const CommitOptions& options);

  Store& store;
  StagingWorkers& workers;
  StagingDirectory directory;
  const std::string name;
  const std::function<void()> discard;
  StagedBlobs blobs;

  std::mutex work_mutex_;
  mutable std::mutex mutex_;
  std::condition_variable idle_;
  DraftPtr draft_;  // guarded by mutex_, as all below
  std::deque<PageFile> pending_;
  std::chrono::steady_clock::time_point last_closed_{};
  unsigned working_ = 0;  // threads in work_once()
  std::string error_;
  // What put() found since store_all() began, in files, too, that somebody may still write.
  std::unordered_map<std::string, FileDigests> found_;
};

}  // namespace pfcache
