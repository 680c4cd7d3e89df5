// Giving the blobs of a directory store another encoding.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/phase_counter.hpp"
#include "cas/blob_files.hpp"
#include "pfcache/fs_blob_store.hpp"

namespace pfcache {

struct BlobRepackOptions {
  EncodingPolicy policy = EncodingPolicy::automatic;
  std::function<std::optional<std::uint32_t>(const Digest&)> element_bytes;  ///< what a manifest says; thread-safe
  unsigned threads = 0;
  std::stop_token stop;
  OnProgress on_progress = {};
};

struct BlobRepackReport {
  std::uint64_t blobs = 0;
  std::uint64_t converted = 0;
  std::uint64_t files_removed = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;
  std::vector<std::string> damage;
};

/// One run over all blobs, a window of them at a time. Of each window first all new files are written and compared,
/// then synced, then renamed, then their directories synced; only then the files go that they stand in for. So at every
/// moment each blob has a file that is whole and durable under its name.
///
/// Writers may be at work meanwhile. They never remove a file, and replace a damaged one under its own name by the same
/// bytes: what they find before it goes has its successor beside it already. The worst that remains of a race is a blob
/// in two encodings, which the next run ends. A second repack could remove what this one relies on; the caller excludes
/// it.
class BlobRepack {
 public:
  BlobRepack(BlobDirectories& directories, BlobRepackOptions options)
      : directories_(directories), options_(std::move(options)) {}

  BlobRepackReport run();

 private:
  /// A blob and the files there are of it.
  struct Stock {
    Digest digest;
    std::uint8_t encodings = 0;  // a bit for each
    std::uint64_t stored_bytes = 0;
  };
  /// A blob's intact bytes, and where they were found.
  struct Source {
    const Stock* stock;
    Encoding encoding;
    std::vector<std::byte> plain;
  };
  /// Files that go once what replaces them is durable.
  struct Doomed {
    std::size_t shard;
    std::string name;
    std::uint64_t stored_bytes;
  };

  [[nodiscard]] std::vector<Stock> take_stock();
  [[nodiscard]] bool is_done(const Stock& stock) const;
  void convert_window(std::span<const Stock> window, PhaseCounter& read);
  void convert_group(std::span<const Stock> group);
  [[nodiscard]] std::optional<Source> read(const Stock& stock, std::string& reason);
  [[nodiscard]] std::optional<Source> read_as(const Stock& stock, Encoding encoding, std::string& reason);
  void check(std::vector<Source>& sources);
  void convert(const Source& source);
  [[nodiscard]] bool holds(const Source& source, Encoding encoding) const;
  void write(const Source& source, const EncodedBlob& blob);
  void doom_others(const Stock& stock, Encoding kept, bool was_written);
  void note_damage(const Stock& stock, const std::string& reason);
  void publish_window();

  BlobDirectories& directories_;
  const BlobRepackOptions options_;
  std::mutex mutex_;
  // All below are guarded by mutex_.
  BlobRepackReport report_;
  std::vector<PendingBlob> pending_;
  std::vector<Doomed> doomed_;
  std::bitset<kShards> touched_;
};

}  // namespace pfcache
