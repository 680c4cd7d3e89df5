// Snapshots on their way in: directories of plain files below STORE/staging that become sealed snapshots.
//
//   STORE/staging/new/<name>/        a snapshot being written, committed under a name
//   STORE/staging/snap/<64 hex>/     a snapshot arriving, sealed by itself once it is what its name says
//   STORE/staging/gone/<random>/     what is done with and has to be removed
//
// Both have the shape of page_files.hpp: manifest.json, and pages/NNNN or k/NNNN and v/NNNN. Files are written there by
// whoever writes them (under a mount: the kernel), and these classes hash, encode and put them. Nothing lives in memory
// only: what they remember of a file saves work and is checked against the file's size and times, so that a process
// that dies loses nothing but time. A directory is flock()ed shared while it is in use: a clean-up takes away only what
// it can lock alone. Symlinks in these trees are never followed. Thread-safe, all of it.
//
// Example:
//
//   #include <pfcache/staging.hpp>
//   #include <pfcache/store.hpp>
//   #include <fstream>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     pfcache::Staging staging(store);
//     staging.make_new("draft");
//     std::ofstream("store/staging/new/draft/manifest.json")
//         << pfcache::PageManifest{{16, 2, 2, 8, pfcache::DType::bf16}, {}, {}}.to_json();
//     const pfcache::Digest digest = staging.find_new("draft")->commit({.ref = "chat"});
//     std::cout << (store.catalog().ref("chat") == digest) << '\n';  // prints 1
//   }
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"
#include "pfcache/manifest.hpp"
#include "pfcache/store.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// A snapshot being written, STORE/staging/new/<name>. Threads of Staging work for it.
class StagedSnapshot {
 public:
  struct Impl;
  explicit StagedSnapshot(std::unique_ptr<Impl> impl) noexcept;
  ~StagedSnapshot();

  /// To be told when nobody writes `directory`/`name` any more, paths below the snapshot's directory; `directory` is
  /// empty for manifest.json. What is a page, or half of one, is hashed and stored in the background.
  void note_closed(std::string_view directory, std::string_view name);

  /// Waits for that, and does it for what nobody told of: all pages that are there are then durable in the store, as
  /// far as the manifest says what they are. Throws: system errors (ENOSPC, …).
  void sync();

  struct CommitOptions {
    std::optional<std::string> ref = {};  ///< the name that the snapshot gets
    std::optional<Digest> expected = {};  ///< refuses any other snapshot
    bool may_replace = true;              ///< a ref of that name
  };

  /// Checks the directory, stores what is not stored, and seals it; durable when it returns. The directory is then
  /// gone. Whatever fails leaves it as it was, and error() says why.
  /// Throws: Errc::mismatch for a page that is missing or of the wrong size, a file that is no part of a snapshot, or
  /// another snapshot than expected; Errc::malformed for a bad manifest and for pages that contradict it;
  /// Errc::already_exists for a taken name; Errc::invalid_argument for a bad one; system errors.
  Digest commit(const CommitOptions& options);

  /// Why the last commit failed; empty when none did.
  [[nodiscard]] std::string error() const;

 private:
  friend class Staging;
  std::shared_ptr<Impl> impl_;
};

/// A snapshot that arrives, STORE/staging/snap/<64 hex>.
class ArrivingSnapshot {
 public:
  struct Impl;
  explicit ArrivingSnapshot(std::unique_ptr<Impl> impl) noexcept;
  ~ArrivingSnapshot();

  [[nodiscard]] const Digest& digest() const noexcept;

  /// Checks the file `directory`/`from` against what `directory`/`name` must hold, and stores it; then, when the two
  /// names differ, renames it. As soon as all is there the snapshot is sealed, durable when this returns. Without a
  /// manifest nothing can be checked yet, and all is when it comes: pages that then don't match are removed.
  /// Throws: Errc::malformed for what doesn't match; system errors.
  void take(std::string_view directory, std::string_view from, std::string_view name);

  /// Checks the file `directory`/`name`, a copy of a page in seqs/, which is given up with the rest once all is sealed.
  /// Without a manifest nothing can be checked. Throws: Errc::malformed for one that is not that page; system errors.
  void check_copy(std::string_view directory, std::string_view name, PageIndex page);

  /// What was taken is durable in the store, and its copy here given up.
  void sync();

  [[nodiscard]] bool is_sealed() const;

  /// The manifest, once it is there.
  [[nodiscard]] std::shared_ptr<const PageManifest> manifest() const;
  [[nodiscard]] std::uint64_t manifest_bytes() const;

  /// True when the store can give this blob, so that it need not be sent.
  [[nodiscard]] bool has(const Digest& blob) const;

  /// What didn't match last; empty when all did.
  [[nodiscard]] std::string error() const;

 private:
  friend class Staging;
  std::shared_ptr<Impl> impl_;
};

using StagedSnapshotPtr = std::shared_ptr<StagedSnapshot>;
using ArrivingSnapshotPtr = std::shared_ptr<ArrivingSnapshot>;

/// STORE/staging of an open store, and the threads that work for what is in it.
class Staging {
 public:
  /// Makes nothing before it is needed. `threads` that hash and encode, 0 = one a CPU; they begin with the first work.
  /// REQUIRES: `store` outlives this object.
  explicit Staging(Store& store, unsigned threads = 0);
  ~Staging();

  /// The staging directory of that name, as one object however often it is asked for; null when there is none.
  [[nodiscard]] StagedSnapshotPtr find_new(std::string_view name);
  [[nodiscard]] ArrivingSnapshotPtr find_arriving(const Digest& digest);

  /// Makes one. Throws: Errc::already_exists; Errc::invalid_argument for a name that could not become a ref.
  void make_new(std::string_view name);
  [[nodiscard]] ArrivingSnapshotPtr make_arriving(const Digest& digest);

  /// True while the staging directory is there. Unlike find_arriving() not a use of it.
  [[nodiscard]] bool has_arriving(const Digest& digest) const;

  /// Names in new/ and digests in snap/.
  [[nodiscard]] std::vector<std::string> list_new() const;
  [[nodiscard]] std::vector<Digest> list_arriving() const;

  /// Lets go of what has not been used for a while, so that a clean-up may have it, and removes what is done with.
  void tidy();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pfcache
#pragma GCC visibility pop
