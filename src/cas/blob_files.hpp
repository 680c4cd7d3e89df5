// Where blobs lie below a store's root: blobs/sha256/<first two hex digits>/<64 hex digits>.<encoding>
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/directory.hpp"
#include "cas/encodings.hpp"
#include "pfcache/digest.hpp"

namespace pfcache {

/// Blobs are spread over this many directories, by the first byte of their digests.
inline constexpr std::size_t kShards = 256;

[[nodiscard]] std::size_t shard_of(const Digest& digest) noexcept;
[[nodiscard]] std::string shard_name(std::size_t shard);
[[nodiscard]] std::string blob_file_name(const Digest& digest, const Codec& codec);

struct BlobFileName {
  Digest digest;
  Encoding encoding;
};

/// What a file's name says; nothing for one that is not exactly a blob's.
[[nodiscard]] std::optional<BlobFileName> parse_blob_file_name(std::string_view name);

/// The directories that hold blobs, each opened when it is first needed and then kept: at most kShards + 3 descriptors,
/// however many blobs are in flight. A shard, once made, is never taken away, so that an open one stays the right one.
/// Thread-safe.
class BlobDirectories {
 public:
  explicit BlobDirectories(const Directory& root) : root_(root.duplicate()) {}

  /// The shard's directory; null when it is absent. Creates nothing.
  [[nodiscard]] const Directory* find(std::size_t shard);

  /// The shard's directory, created when it is absent. Its own entry becomes durable with sync().
  [[nodiscard]] const Directory& make(std::size_t shard);

  /// Makes the entries in each of `shards` durable, and then those directories' own entries up to the root.
  /// REQUIRES: find() or make() gave each of them.
  void sync(const std::bitset<kShards>& shards);

 private:
  [[nodiscard]] const Directory* find_locked(std::size_t shard);

  Directory root_;
  std::mutex mutex_;
  // All below are guarded by mutex_. What they hold stays where it is, so that it may be used without the lock.
  std::optional<Directory> blobs_;
  std::optional<Directory> sha256_;
  std::array<std::optional<Directory>, kShards> shards_;
  std::bitset<kShards> durable_shards_;  // whose entries, and those above them, are known to be on disk
};

/// Calls `sync(i)` for each i in [0, count), several at a time when there are many: a filesystem writes its journal
/// once for all who wait for it, where one after the other waits each time.
void sync_all(std::size_t count, const std::function<void(std::size_t)>& sync);

/// A blob's file that is written and has no name yet.
struct PendingBlob {
  PendingFile file;
  std::string name;
};

/// Ends the writing of a blob's file, whose bytes become durable with publish_blobs().
[[nodiscard]] PendingBlob finish_writing(PendingFile file, std::string name);

/// Syncs the files, then gives them their names, then makes the entries in `touched` durable: the order that a crash
/// can interrupt anywhere. REQUIRES: BlobDirectories::find() or make() gave each shard in `touched`.
void publish_blobs(BlobDirectories& directories, std::vector<PendingBlob>& blobs, const std::bitset<kShards>& touched);

/// The size of the regular file `name`; nothing when it is absent or something else.
[[nodiscard]] std::optional<std::uint64_t> find_regular_file(const Directory& directory, const std::string& name);

/// The regular file `name`, open for reading; nothing when it is absent or something else.
[[nodiscard]] std::optional<StoredFile> open_stored_file(const Directory& directory, const std::string& name);

/// True when the file holds exactly `bytes`. They carry its digest already, so comparing them needs no second hash.
[[nodiscard]] bool file_holds(const Codec& codec, const StoredFile& file, std::span<const std::byte> bytes);

}  // namespace pfcache
