// Looking at snapshots and stores without changing them: verify, diff, statistics.
//
// Example:
//
//   #include <pfcache/inspect.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     const pfcache::Store store = pfcache::Store::init("store");
//     const pfcache::VerifyReport report = pfcache::verify_snapshots(store, store.catalog().snapshots());
//     for (const std::string& sentence : report.damage) std::cout << sentence << '\n';
//     std::cout << pfcache::collect_stats(store).stored_bytes << " bytes\n";  // prints 0 bytes
//   }
#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "pfcache/manifest.hpp"
#include "pfcache/progress.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct VerifyOptions {
  unsigned threads = 0;  ///< 0 = one a CPU
  std::stop_token stop = {};
  OnProgress on_progress = {};
};

/// What verification found. Damage is in stored bytes; problems are oddities of a manifest that still restores.
struct VerifyReport {
  std::uint64_t snapshots = 0;
  std::uint64_t blobs = 0;          ///< distinct blobs read, manifests included
  std::uint64_t bytes = 0;          ///< their plain bytes, and of the payloads below
  std::vector<std::string> damage;  ///< one sentence each: what, where, and which snapshot needs it
  std::vector<std::string> problems;
  // Of check_store() and repair_store() in pfcache/check.hpp:
  std::vector<std::string> mended;      ///< what was damage before the repair
  std::uint64_t prompts = 0;            ///< kept whole, or as chunks, which are among the blobs
  std::uint64_t unchecked_prompts = 0;  ///< of these: whole, and nothing says what the payload should be
  std::uint64_t warm_starts = 0;
  std::uint64_t temp_files = 0;  ///< left by programs that were killed; a repair has removed them
  std::uint64_t temp_bytes = 0;
};

/// Reads every blob that `snapshots` need, each once, and checks it against its digest and the geometry. A damaged file
/// beside an intact one of the same blob harms no reader: that is for check_store() to find.
/// Throws: Errc::interrupted; damage is reported, not thrown.
[[nodiscard]] VerifyReport verify_snapshots(const Store& store, const std::vector<Digest>& snapshots,
                                            const VerifyOptions& options = {});

/// How two snapshots' pages compare. A page is its content, K and V; its ix does not matter.
struct SnapshotDiff {
  struct Part {
    std::uint64_t pages = 0;
    std::uint64_t bytes = 0;
  };
  Part shared;  ///< distinct pages in both
  Part only_a;
  Part only_b;
  std::vector<std::string> geometry;  ///< one line for each field that differs: `dtype: bf16, f16`
};

[[nodiscard]] SnapshotDiff diff_manifests(const PageManifest& a, const PageManifest& b);

/// Where a store's bytes are.
struct StoreStats {
  std::uint64_t snapshots = 0;
  std::uint64_t refs = 0;
  std::uint64_t pages = 0;              ///< over all snapshots
  std::uint64_t logical_bytes = 0;      ///< K and V of all pages of all snapshots
  std::uint64_t unique_bytes = 0;       ///< K and V bytes of distinct content among them
  std::uint64_t blobs = 0;              ///< stored, referenced or not
  std::uint64_t stored_bytes = 0;       ///< of all blobs
  std::uint64_t stored_page_bytes = 0;  ///< of those blobs that are K or V of such a page
  std::uint64_t raw_blobs = 0;
  std::uint64_t zstd_blobs = 0;
  std::uint64_t planes_blobs = 0;
  std::vector<std::string> unreadable;  ///< snapshots whose manifest can't be read, with the reason
};

/// Reads every manifest, and looks at every blob. Throws: Errc::interrupted; system errors.
[[nodiscard]] StoreStats collect_stats(const Store& store, const std::stop_token& stop = {});

}  // namespace pfcache
#pragma GCC visibility pop
