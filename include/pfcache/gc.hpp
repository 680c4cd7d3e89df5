// Giving back the space of blobs that nobody needs any more.
//
// What is needed is what the roots reach: sealed snapshots, refs, records of engine files, prompts kept as chunks, and
// the manifests of what is still arriving below staging/. In a store that may hold unsealed snapshots
// (Store::may_hold_unsealed_snapshots) every blob that is a manifest is a root too: then the pages of a snapshot that
// was removed stay until `unsealed` is asked for.
//
// Most of the work is done while writers work. The sweep has the store for itself, in turns of half a second, and each
// turn begins with a look at what was sealed since the last: a writer who holds a lease from before it puts a blob
// until it has sealed the manifest can rely on every blob it found, however old and unneeded that was. A writer that
// gives its lease back in between has the grace period, which a put begins anew for a blob that is there.
//
// Example:
//
//   #include <pfcache/gc.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const std::vector<std::byte> unneeded(100);
//     store.blobs().put(unneeded);
//     const pfcache::GcReport report = pfcache::collect_garbage(store, {.grace = std::chrono::hours(2)});
//     std::cout << report.blobs_young << " to go later\n";  // prints 1 to go later
//   }
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "pfcache/progress.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct GcOptions {
  std::chrono::seconds grace = std::chrono::hours(1);         ///< what was put or written since then stays
  std::chrono::milliseconds wait = std::chrono::seconds(10);  ///< for writers to give their leases back, each time
  bool dry_run = false;                                       ///< only find out; writes nothing, takes no lock
  bool unsealed = false;      ///< take manifests without a seal for garbage where they would count
  std::stop_token stop = {};  ///< a request ends it with Errc::interrupted; what was removed is gone
  OnProgress on_progress = {};
};

struct GcReport {
  std::uint64_t snapshots = 0;      ///< manifests that were read: of all roots
  std::uint64_t blobs_needed = 0;   ///< distinct digests that these reach
  std::uint64_t blobs_removed = 0;  ///< files of blobs; in a dry run what would be removed, and so on
  std::uint64_t bytes_removed = 0;  ///< their stored bytes
  std::uint64_t blobs_young = 0;    ///< needed by nobody, and kept for the grace period
  std::uint64_t bytes_young = 0;
  std::uint64_t temp_files_removed = 0;  ///< left by writers that were killed
  std::uint64_t temp_bytes_removed = 0;
  std::vector<std::string> staging_removed;  ///< names below staging/
  std::uint64_t staging_bytes_removed = 0;
  std::chrono::nanoseconds longest_exclusive{0};  ///< for which writers had to wait at a stretch
};

/// Removes what no root reaches and what is older than the grace period, blobs after staging directories; open files
/// and mappings of it stay readable. Memory: 32 bytes a needed blob and 64 a removed one, and one manifest. Throws,
/// before anything is removed: Errc::damaged, Errc::malformed or Errc::unsupported naming a manifest, ref or record
/// that can't be read, since what it needs isn't known; Errc::busy when writers hold their leases for longer than
/// `wait` (then some may be removed already); Errc::interrupted; system errors.
GcReport collect_garbage(Store& store, const GcOptions& options = {});

}  // namespace pfcache
#pragma GCC visibility pop
