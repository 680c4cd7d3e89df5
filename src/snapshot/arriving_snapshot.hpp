// The inside of ArrivingSnapshot.
#pragma once

#include <functional>
#include <unordered_set>

#include "pfcache/staging.hpp"
#include "snapshot/staged_blobs.hpp"
#include "snapshot/staging_directory.hpp"

namespace pfcache {

/// Locks, in the order in which they are taken: work_mutex_ (whatever changes the directory), then mutex_.
struct ArrivingSnapshot::Impl {
  /// `discard` takes the directory away when nothing is left in it.
  Impl(Store& a_store, Directory a_directory, const Digest& a_digest, std::function<void()> a_discard)
      : store(a_store),
        directory(std::move(a_directory)),
        digest(a_digest),
        discard(std::move(a_discard)),
        blobs(a_store.blobs()) {}

  /// Goes on from what an earlier process left.
  void resume();

  void take(std::string_view subdirectory, std::string_view from, std::string_view name);
  void check_copy(const Directory& part, const std::string& name, PageIndex ix);
  void tidy();
  void sync();

  /// A manifest that is what the directory's name says, in the form that pages are looked up in.
  struct Known {
    std::string json;
    PageManifest manifest;
    std::vector<PageEntry> pages;  // effective
    std::uint64_t page_bytes = 0;
  };
  using KnownPtr = std::shared_ptr<const Known>;

  // A file whose blobs were put, to be removed when they are durable.
  struct Taken {
    std::string subdirectory;
    std::string name;
    FileStamp stamp;
  };

  [[nodiscard]] KnownPtr known() const;
  void take_manifest(const std::string& from, const std::string& name);
  [[nodiscard]] KnownPtr read_manifest(const std::string& file_name) const;
  [[nodiscard]] KnownPtr understand(std::string json) const;
  void learn(const KnownPtr& manifest);
  void take_pages(const std::string& subdirectory, const std::string& from, const std::string& name);
  [[nodiscard]] FileDigests digests_of(const Directory& part, const std::string& file_name, std::size_t blob_count,
                                       const Known& manifest, std::string_view called);
  [[nodiscard]] bool has_all(const PageFile& file, const PageEntry& page) const;
  void note_put(const FileDigests& digests, Taken taken);
  [[nodiscard]] std::vector<std::string> take_what_is_there();
  /// Takes what a failure has left untaken: the pages of before the manifest, or what was put and never got durable.
  void retake();
  /// Makes what was put durable. After a failure nothing of it is: all is to be taken again, from its copies.
  void publish();
  void forget_what_was_put() noexcept;
  void give_up_copies();
  /// With everything there it is sealed, unless more is to be expected: one that came in halves so far, without pages/,
  /// may be a copy of all that a mount shows, which would find pages/ in its way.
  enum class Expect : bool { more, nothing };
  void seal_if_whole(Expect expect);
  void clean_up();

  Store& store;
  StagingDirectory directory;
  const Digest digest;
  const std::function<void()> discard;
  StagedBlobs blobs;

  std::mutex work_mutex_;
  std::vector<Taken> taken_;  // guarded by work_mutex_, as the next
  std::uint64_t unpublished_bytes_ = 0;
  bool is_untaken_ = false;
  mutable std::mutex mutex_;
  KnownPtr known_;                        // guarded by mutex_, as all below
  std::unordered_set<Digest> missing_;    // blobs that were not put
  std::unordered_set<Digest> in_flight_;  // put and not yet readable
  bool is_sealed_ = false;
  std::string error_;
};

}  // namespace pfcache
