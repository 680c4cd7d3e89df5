// The blobs of a directory store that are on their way in.
#pragma once

#include <bitset>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "cas/blob_files.hpp"
#include "cas/verified_files.hpp"
#include "pfcache/blob_store.hpp"
#include "pfcache/fs_blob_store.hpp"

namespace pfcache {

/// put() writes a temp file in the blob's shard and keeps no descriptor open; commit() syncs all of them, gives them
/// their names, and syncs the directories: in this order, so that a name never stands for bytes that a crash can lose.
///
/// No locks are held between processes. These races remain, and heal:
/// - Two writers bring the same blob. Both rename the same bytes to the same name; the later rename changes nothing.
/// - A writer finds a blob that another has renamed but not yet synced. Its bytes were synced before the rename; its
///   entry is synced by this batch's own commit(), for which every shard is remembered in which a blob was found.
/// - A writer replaces a damaged file that another has replaced meanwhile: again the same bytes over the same bytes. A
///   damaged file is therefore replaced under its own name, in its own encoding, and never removed in favour of
///   another: two writers doing that with different encodings could each remove what the other had made.
class FsBlobBatch final : public BlobBatch {
 public:
  FsBlobBatch(BlobDirectories& directories, VerifiedFiles& verified, EncodingPolicy policy)
      : directories_(directories), verified_(verified), policy_(policy) {}

  void put_many(std::span<const std::span<const std::byte>> blobs, std::span<PutResult> results,
                const BlobHint& hint) override;
  void commit() override;

 private:
  // What the store has under a digest: files that hold the bytes, and files that don't.
  struct Held {
    std::optional<std::uint64_t> intact_bytes;
    std::vector<const Codec*> damaged;
  };

  [[nodiscard]] PutResult put_hashed(const Digest& digest, std::span<const std::byte> bytes, const BlobHint& hint);
  [[nodiscard]] std::optional<PutResult> find_done(const Digest& digest);
  [[nodiscard]] Held look_at_store(const Digest& digest, std::span<const std::byte> bytes);
  [[nodiscard]] bool is_intact(const Digest& digest, const Codec& codec, const StoredFile& file,
                               std::span<const std::byte> bytes);
  [[nodiscard]] PendingBlob write_pending(const Digest& digest, const EncodedBlob& blob);
  [[nodiscard]] PutResult finish(const PutResult& result, std::vector<PendingBlob> written);

  BlobDirectories& directories_;
  VerifiedFiles& verified_;
  const EncodingPolicy policy_;
  std::mutex mutex_;
  // All below are guarded by mutex_.
  std::unordered_map<Digest, std::uint64_t> done_;  // stored bytes of what this batch has taken in or found
  std::vector<PendingBlob> pending_;
  std::bitset<kShards> touched_;
};

}  // namespace pfcache
