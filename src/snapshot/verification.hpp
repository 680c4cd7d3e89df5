// One verification: of snapshots, and of blobs that something else needs; with a mender one that repairs what it finds.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cas/blob_files.hpp"
#include "pfcache/inspect.hpp"
#include "snapshot/blob_mender.hpp"

namespace pfcache {

/// First all manifests are read, so that one that was mended leads to its pages; then every blob, each once, in groups.
/// A group's damaged blobs are mended before the next is read: an interruption leaves what was mended so far.
class Verification {
 public:
  enum class Depth {
    readable,    ///< each blob can be read: one intact file will do
    every_file,  ///< no file of it is damaged
  };

  /// `mender` may be null: then nothing is written. REQUIRES: all outlive this object.
  Verification(const Store& store, const VerifyOptions& options, Depth depth, const BlobMender* mender)
      : store_(store), options_(options), depth_(depth), mender_(mender), directories_(store.directory()) {}

  /// Somebody who needs blobs, as messages call it: a number for note_need().
  [[nodiscard]] std::uint32_t add_user(std::string text);

  /// Has a blob read with those of the snapshots. REQUIRES: before read_snapshots().
  void note_need(const Digest& blob, std::uint64_t size_bytes, std::uint32_t user) {
    note_need(blob, Need{size_bytes, 1, user});
  }

  /// Reads the snapshots, what they need and what was noted. Throws: Errc::interrupted; what the mender throws.
  void read_snapshots(std::vector<Digest> snapshots);

  /// Reads a blob that `who` needs.
  void read_blob(const Digest& digest, std::uint64_t size_bytes, std::string_view who);

  /// What was found, for those who add to it.
  [[nodiscard]] VerifyReport& report() noexcept { return report_; }

  /// The same, sorted, in the end.
  [[nodiscard]] VerifyReport take_report();

 private:
  /// What is expected of one blob.
  struct Need {
    std::uint64_t size_bytes = 0;
    std::uint32_t element_bytes = 1;
    std::uint32_t user = 0;  // one that needs it
  };
  struct Wanted {
    Digest blob;
    std::uint64_t size_bytes = 0;
  };
  /// A blob that is damaged, and how.
  struct Wound {
    BlobMender::Blob blob;
    std::string what;
  };

  void read_snapshot(const Digest& snapshot);
  [[nodiscard]] std::optional<std::string> read_manifest(const Digest& snapshot);
  void note_needs(const Digest& snapshot, const PageManifest& manifest);
  void note_need(const Digest& blob, const Need& need);
  void read_needs();
  [[nodiscard]] std::vector<std::span<const Wanted>> groups_of(std::span<const Wanted> blobs) const;
  void read_group(std::span<const Wanted> blobs);
  void look_at_copies(const BlobMender::Blob& blob, std::span<const std::byte> bytes, std::string_view who,
                      std::vector<Wound>& wounds);
  bool treat(const std::vector<Wound>& wounds);  // true when all are mended
  void count_blob(std::uint64_t size_bytes);

  const Store& store_;
  const VerifyOptions& options_;
  const Depth depth_;
  const BlobMender* const mender_;
  BlobDirectories directories_;
  std::vector<std::string> users_;
  std::map<Digest, Need> needs_;
  std::mutex mutex_;
  VerifyReport report_;  // guarded by mutex_ while blobs are read
};

}  // namespace pfcache
