// Checking a store from the outside in, and mending what is damaged where intact bytes are to be had.
//
// What is checked: every blob that the snapshots need, in every encoding it is kept in; their seals; the engine files
// whose pages they are; and for a whole store also its prompts, warm starts and names, and what killed programs left. A
// store may be in use meanwhile.
//
// Example:
//
//   #include <pfcache/check.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const pfcache::Store backup = pfcache::Store::init("backup");
//     const pfcache::CheckScope all{.snapshots = store.catalog().snapshots(), .is_whole_store = true};
//     const pfcache::VerifyReport report = pfcache::repair_store(store, all, {.sources = {&backup}});
//     std::cout << report.damage.size() << " left\n";  // prints 0 left
//   }
#pragma once

#include <stop_token>
#include <vector>

#include "pfcache/inspect.hpp"
#include "pfcache/progress.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

struct CheckScope {
  std::vector<Digest> snapshots = {};
  bool is_whole_store =
      false;  ///< prompts, warm starts, names and temp files too, and engine files whatever their snapshot
};

/// Changes nothing. Throws: Errc::interrupted; system errors. Damage is reported, not thrown.
[[nodiscard]] VerifyReport check_store(const Store& store, const CheckScope& scope, const VerifyOptions& options = {});

struct RepairOptions {
  unsigned threads = 0;                    ///< 0 = one a CPU
  std::stop_token stop = {};               ///< a request ends it with Errc::interrupted; what was mended stays so
  std::vector<const Store*> sources = {};  ///< where intact blobs may be had, asked in this order
  OnProgress on_progress = {};
};

/// As check_store, and mends:
/// - A blob with a file that is damaged, or without any: its bytes are taken from another encoding of it or from
///   `sources`, and put. Without them it is left as it is, and harmless: a capture of the same content repairs it.
/// - A seal that can't be read: it is written anew, and pins the snapshot, since it may have been pinned.
/// - Temp files of programs that were killed: they are removed when they are older than an hour.
/// A whole prompt and a warm start are nobody's copy, and stay as they are.
/// What could not be mended is the report's `damage`. Holds a WriterLease, so that no clean-up runs meanwhile.
/// Throws: Errc::interrupted; system errors (ENOSPC, EROFS, …).
VerifyReport repair_store(Store& store, const CheckScope& scope, const RepairOptions& options);

}  // namespace pfcache
#pragma GCC visibility pop
