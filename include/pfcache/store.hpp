// A pfcache store: a directory with blobs, snapshots, refs and a configuration.
//
// Example:
//
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const std::vector<std::byte> bytes(100);
//     const pfcache::Digest digest = store.blobs().put(bytes).digest;
//     std::cout << pfcache::Store::open("store").blobs().contains(digest) << '\n';  // prints 1
//   }
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pfcache/blob_store.hpp"
#include "pfcache/catalog.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/manifest.hpp"
#include "pfcache/unique_fd.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

class Config;

/// What a store writes.
enum class Profile {
  automatic,  ///< the encoding that suits each blob
  pf_core,    ///< only what pf-core 1.0 reads: one zstd frame at level 19
};

/// How to work with a store, in place of what its config.toml says; what is left out is as that says.
struct StoreOptions {
  std::optional<EncodingPolicy> encoding = {};  ///< of new blobs; not looked at in a store of profile pf_core
  std::optional<std::chrono::seconds> staging_keep = {};

  /// As `config` has it, which has looked into the store's config.toml, too.
  [[nodiscard]] static StoreOptions from(const Config& config);
};

/// A promise, kept while the object lives, that what its holder has put but not yet sealed is not garbage. Any number
/// of writers hold one at a time; a clean-up waits for all of them or gives up. A lock on STORE/lock.
class WriterLease {
 public:
  explicit WriterLease(UniqueFd lock) noexcept : lock_(std::move(lock)) {}

 private:
  UniqueFd lock_;
};

/// The store for oneself: while the object lives no writer holds a lease.
class CleanupLease {
 public:
  explicit CleanupLease(UniqueFd lock) noexcept : lock_(std::move(lock)) {}

 private:
  UniqueFd lock_;
};

/// An open store. Its parts are thread-safe; the object itself is not to be moved while they are used.
class Store {
 public:
  /// Makes `path` a store: creates the directory when it is absent, and config.toml. An empty directory or a store
  /// that pf-core wrote (which keeps `pf_core` unless told otherwise) is made one; a store stays one, with its profile.
  /// Throws: Errc::already_exists when `path` is a store of another profile; Errc::invalid_argument when it is
  /// something else; system errors.
  static Store init(const std::filesystem::path& path, std::optional<Profile> profile = std::nullopt);

  /// Opens a store: a directory with a config.toml whose format is 1, or one that pf-core wrote (blobs/sha256 and no
  /// config.toml), which is used with profile `pf_core`. Writes nothing.
  /// Throws: Errc::not_found, saying what is missing; Errc::unsupported for a newer format; Errc::malformed.
  static Store open(const std::filesystem::path& path, const StoreOptions& options = {});

  /// As above, on a directory that is already open. For use inside the library and its tests.
  static Store open(Directory directory, const StoreOptions& options = {});

  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  [[nodiscard]] Profile profile() const noexcept;

  /// How new blobs are written.
  [[nodiscard]] EncodingPolicy encoding() const noexcept;

  /// True for a store that pf-core wrote and nobody made ours: it has no seals, so every manifest in it is a snapshot.
  [[nodiscard]] bool is_foreign() const noexcept;

  /// True when manifests without a seal may be snapshots: in a foreign store, in one that was foreign before `init`,
  /// and in one of profile pf_core, into which pf-core may write.
  [[nodiscard]] bool may_hold_unsealed_snapshots() const noexcept;

  /// How long a directory of staging/ that nobody touches is kept: the setting `staging_keep`.
  static constexpr std::chrono::seconds kDefaultStagingKeep = std::chrono::hours(24);
  [[nodiscard]] std::chrono::seconds staging_keep() const noexcept;

  [[nodiscard]] BlobStore& blobs() noexcept;
  [[nodiscard]] const BlobStore& blobs() const noexcept;
  [[nodiscard]] Catalog& catalog() noexcept;
  [[nodiscard]] const Catalog& catalog() const noexcept;

  /// The directory itself, for the rooms inside the library that keep files of their own in it.
  [[nodiscard]] const Directory& directory() const noexcept;

  /// Waits while a clean-up runs. Throws: system errors (EROFS, EACCES).
  [[nodiscard]] WriterLease lease() const;

  /// The store for oneself, or nothing when somebody still holds a lease of either kind after `patience`, for which
  /// writers that come new are kept waiting too. Throws: as lease().
  [[nodiscard]] std::optional<CleanupLease> try_cleanup_lease(std::chrono::milliseconds patience) const;

  /// Notes that a clean-up of the whole store has ended. In one that can't be written nothing is noted.
  void note_cleanup() const noexcept;

  /// Since when there was no clean-up: when the last one ended or, without any, when somebody first wrote to the store.
  /// Nothing when nobody has.
  [[nodiscard]] std::optional<std::int64_t> uncleaned_since_unix_secs() const;

  /// True when `digest` names a snapshot to be read here: sealed, or in a foreign store any blob of that name.
  [[nodiscard]] bool has_snapshot(const Digest& digest) const;

  /// A snapshot's manifest: its exact bytes, verified. Throws: Errc::not_found, Errc::damaged, Errc::too_large.
  [[nodiscard]] std::string manifest_bytes(const Digest& digest) const;

  /// As above, parsed. Throws: also Errc::malformed.
  [[nodiscard]] PageManifest manifest(const Digest& digest) const;

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl) noexcept;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pfcache
#pragma GCC visibility pop
