// Small stores to be kept up.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <filesystem>

#include "base/directory.hpp"
#include "cas/tree.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/inspect.hpp"
#include "pfcache/store.hpp"
#include "pfcache/synthetic_pager.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {

inline constexpr CacheMeta kSmall{16, 2, 1, 64, DType::bf16};  ///< large enough to be worth an encoding

/// Captures and seals pages made from `seed`. Other seeds share no page.
inline CaptureResult capture_sealed(Store& store, std::uint64_t seed, const CacheMeta& meta = kSmall,
                                    std::uint32_t pages = 3) {
  SyntheticCachePager pager(meta);
  pager.populate_synthetic(pages, seed << 20U, SyntheticCachePager::Content::kv_like);
  const WriterLease lease = store.lease();
  const CaptureResult result =
      capture_cache(pager, store.blobs(), {.memory_limit_bytes = 1 << 20, .threads = 1, .stop = {}});
  store.catalog().seal(result.digest, {1, "test", "", false, result.pages, result.logical_bytes});
  return result;
}

/// A store in a directory of its own.
struct StoreDir {
  TempDir dir;
  std::filesystem::path path = dir.path() / "store";
  Store store;

  explicit StoreDir(Profile profile = Profile::automatic) : store(Store::init(path, profile)) {}
};

/// Sets the times of a file, or of a directory and all in it, to `hours` ago.
inline void make_old(const std::filesystem::path& path, int hours = 48) {
  const auto then = std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours);
  if (std::filesystem::is_directory(path)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
      std::filesystem::last_write_time(entry.path(), then);
    }
  }
  std::filesystem::last_write_time(path, then);
}

inline void require_all_whole(const Store& store) {
  const VerifyReport report = verify_snapshots(store, store.catalog().snapshots());
  REQUIRE_MESSAGE(report.damage.empty(), report.damage.front());
}

/// The number of files that hold blobs.
inline std::size_t count_blobs(const Store& store) {
  std::size_t count = 0;
  store.blobs().for_each([&](const Digest&, const BlobInfo&) { ++count; });
  return count;
}

/// Keeps a payload as chunks in the store at `path`. Returns its key.
inline PromptKey save_chunked_prompt(const std::filesystem::path& path, BlobStore& blobs,
                                     std::span<const std::byte> payload, std::string_view text = "a prompt") {
  DiskKvCache cache(path / "prompt", kMinPromptBudgetBytes, {.blobs = &blobs, .dedup = true});
  return cache.save({.text = text, .header = {}}, payload).info.name.key;
}

/// Flips a byte of a file.
inline void damage_file(const std::filesystem::path& path) {
  Bytes bytes = read_bytes(path);
  bytes.at(bytes.size() / 2) ^= std::byte{0x55};
  write_bytes(path, bytes);
}

}  // namespace pfcache::test
