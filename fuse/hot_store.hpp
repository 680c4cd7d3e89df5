// Pages decoded and verified once, kept as files that the kernel can read and map.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "fuse/hot_backing.hpp"
#include "fuse/hot_file.hpp"
#include "fuse/mount_options.hpp"
#include "fuse/scratch_pool.hpp"
#include "fuse/single_flight.hpp"
#include "fuse/verified_blobs.hpp"
#include "pfcache/blob_store.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {

/// What the hot store may take, and how careful it is.
struct HotLimits {
  std::uint64_t bytes = 0;
  std::size_t files = 0;  ///< each is an open descriptor
  VerifyWhen verify = VerifyWhen::once;
};

/// What a hot store has done and holds.
struct HotCounts {
  std::uint64_t files = 0;
  std::uint64_t held_bytes = 0;
  std::uint64_t evictions = 0;
  std::uint64_t decoded_bytes = 0;     ///< decoded or read, and verified
  std::uint64_t read_ahead_bytes = 0;  ///< of these, what prefetch() asked for
  std::uint64_t verify_failures = 0;   ///< blobs that were found damaged
};

/// Least recently used out. Thread-safe. A file in use when it is evicted lives until its last user lets go, be it
/// here or in the kernel, and files being made aren't counted. A blob that the store keeps as it is needs no copy: its
/// own file is given, which counts as a file and not in bytes.
class HotStore {
 public:
  /// What the backing still has is taken over. REQUIRES: `blobs`, `backing` and `log` outlive this object.
  HotStore(const BlobStore& blobs, HotBacking& backing, const HotLimits& limits, Log& log);

  /// The file, made by one thread however many ask for it. One that is larger than the limit is given but not kept.
  /// REQUIRES: key.blob_bytes ≤ kMaxBlobBytes. Throws: as BlobStore::get_into; failures aren't kept.
  [[nodiscard]] HotFilePtr get(const HotKey& key);

  /// Makes hot what neither is nor is being made by others. All of `keys` are decoded and hashed together, which is
  /// faster than one by one, and need memory for all of them meanwhile. Failures aren't told: whoever gets the file
  /// asks for it again. Throws: when memory runs out; then some have been made. REQUIRES: as get(), for each key.
  void prefetch(std::span<const HotKey> keys);

  /// Gives back memory that is kept for the next prefetch().
  void trim() { group_scratch_.clear(); }

  [[nodiscard]] VerifyWhen verifies() const noexcept { return limits_.verify; }

  /// True when get() would have nothing to do.
  [[nodiscard]] bool has(const HotKey& key) const;

  [[nodiscard]] std::uint64_t held_bytes() const;
  [[nodiscard]] HotCounts counts() const;
  [[nodiscard]] std::uint64_t limit_bytes() const noexcept { return limits_.bytes; }
  [[nodiscard]] std::size_t limit_files() const noexcept { return limits_.files; }

 private:
  // Without a file: one that an earlier process left and nobody has checked.
  struct Entry {
    HotKey key;
    HotFilePtr file;
    std::uint64_t cost_bytes = 0;
  };
  using Entries = std::list<Entry>;
  using Flights = SingleFlight<HotKey, HotFilePtr, HotKeyHash>;
  using Flight = Flights::Flight;
  struct Decoding {
    HotKey key;
    std::span<std::byte> bytes;
    UniqueFd blob;  // the blob's own file, if it may serve
    FileStamp stamp;
    std::optional<Error> failure;
  };

  [[nodiscard]] HotFilePtr find(const HotKey& key);
  [[nodiscard]] bool is_good(const HotKey& key, const HotFile& file);
  [[nodiscard]] HotFilePtr find_left(const HotKey& key);
  [[nodiscard]] HotFilePtr find_verified_blob(const HotKey& key) const;
  [[nodiscard]] HotFilePtr make(const HotKey& key);
  [[nodiscard]] std::vector<Flight> start_missing(std::span<const HotKey> keys);
  [[nodiscard]] Decoding decoding_of(const HotKey& key, std::span<std::byte> room) const;
  [[nodiscard]] static bool read_blob(Decoding& file);
  void verify_blobs(std::span<Decoding> files);
  void decode(std::span<Decoding> files);
  void count(const Decoding& decoded) noexcept;
  [[nodiscard]] HotFilePtr finish(Decoding& decoded);
  [[nodiscard]] HotFilePtr store(const HotKey& key, std::span<const std::byte> bytes);
  void keep(const HotKey& key, HotFilePtr file);
  void drop(Entries& dropped);

  const BlobStore& blobs_;
  HotBacking& backing_;
  const std::unique_ptr<HotBacking> memory_;  // for when the backing is full or broken
  const HotLimits limits_;
  Log& log_;
  ScratchPool scratch_;
  ScratchPool group_scratch_;  // apart, for one pool has buffers of about one size
  Flights flights_;
  VerifiedBlobs verified_;
  std::atomic<std::uint64_t> decoded_bytes_ = 0;  // what is counted has no order
  std::atomic<std::uint64_t> read_ahead_bytes_ = 0;
  std::atomic<std::uint64_t> verify_failures_ = 0;
  mutable std::mutex mutex_;
  bool has_told_of_backing_ = false;  // guarded by mutex_, as all below
  std::uint64_t held_bytes_ = 0;
  std::uint64_t evictions_ = 0;
  Entries entries_;  // last used first
  std::unordered_map<HotKey, Entries::iterator, HotKeyHash> index_;
};

}  // namespace pfcache::fuse
