// Which snapshots a store holds, and what people call them.
//
// A snapshot is *sealed* when STORE/snapshots/<64 hex> exists: its manifest and all its pages are durable, and gc
// keeps them. A ref, STORE/refs/<name>, is a human name for a sealed snapshot. Nothing is cached: each call looks
// at the directory, so what other processes add or remove is seen at once. Thread-safe.
//
// Example:
//
//   #include <pfcache/catalog.hpp>
//   #include <pfcache/store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::Store store = pfcache::Store::init("store");
//     const pfcache::WriterLease lease = store.lease();
//     const std::string manifest = pfcache::PageManifest{{16, 2, 2, 8, pfcache::DType::bf16}, {}, {}}.to_json();
//     const pfcache::Digest digest = store.blobs().put(std::as_bytes(std::span(manifest))).digest;
//     store.catalog().seal(digest, {});
//     store.catalog().set_ref("latest", digest);
//     for (const pfcache::Ref& ref : store.catalog().refs()) std::cout << ref.name << '\n';  // prints latest
//   }
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"

namespace pfcache {
class Directory;  // not exported, hence before the pragma
}

#pragma GCC visibility push(default)
namespace pfcache {

/// What is written down when a snapshot is sealed.
struct SealRecord {
  std::int64_t sealed_unix_secs = 0;
  std::string by = {};      ///< program and version
  std::string source = {};  ///< what was captured, as its user named it; may be empty
  bool pinned = false;      ///< kept by every clean-up until it is unpinned
  std::uint64_t pages = 0;  ///< copied from the manifest, so that listing need not read it
  std::uint64_t logical_bytes = 0;
};

struct Ref {
  std::string name;
  Digest digest;
};

/// True for a name that refs and file records may have: 1–128 of [A-Za-z0-9._-], not starting with a dot, and not
/// 64 hex digits, which would hide a snapshot.
[[nodiscard]] bool is_valid_name(std::string_view name) noexcept;

class Catalog {
 public:
  /// For use by Store: the catalog below an open store directory.
  explicit Catalog(const Directory& root);
  ~Catalog();
  Catalog(Catalog&&) noexcept;
  Catalog& operator=(Catalog&&) noexcept;

  /// Seals a snapshot, durable when it returns. Sealing one that is sealed keeps the first record.
  /// REQUIRES: its manifest and pages are durable, and the caller has held a WriterLease since before it put them.
  void seal(const Digest& digest, const SealRecord& record);

  [[nodiscard]] bool contains(const Digest& digest) const;

  /// The record of a sealed snapshot; nothing when there is none. A record that can't be read is given as an empty
  /// one: the file's existence is what counts.
  [[nodiscard]] std::optional<SealRecord> find(const Digest& digest) const;

  /// All sealed snapshots, ascending by digest.
  [[nodiscard]] std::vector<Digest> snapshots() const;

  /// Rewrites the record's pin. Throws: Errc::not_found.
  void set_pinned(const Digest& digest, bool pinned);

  /// Unseals a snapshot, after the refs to it are gone: the caller's part. False when there was none.
  bool remove(const Digest& digest);

  /// Makes or moves a ref, atomically. Throws: Errc::invalid_argument for a bad name; Errc::not_found when the snapshot
  /// isn't sealed.
  void set_ref(std::string_view name, const Digest& digest);

  /// Gives a ref another name, atomically; over one that has it only when `may_replace`. Throws: Errc::not_found;
  /// Errc::already_exists; Errc::invalid_argument for a bad name.
  void move_ref(std::string_view from, std::string_view to, bool may_replace);

  /// The ref's target; nothing for an unknown or impossible name. Throws: Errc::malformed for a damaged ref file.
  [[nodiscard]] std::optional<Digest> ref(std::string_view name) const;

  /// False when there was none.
  bool remove_ref(std::string_view name);

  /// All refs, ascending by name; files that are no refs are left out.
  [[nodiscard]] std::vector<Ref> refs() const;

  /// The snapshot that `text` means: 64 hex digits, `sha256:` and them, a ref, or a unique prefix of 8 or more digits,
  /// in this order. A full digest is taken as it is, sealed or not.
  /// Throws: Errc::not_found; Errc::invalid_argument when a prefix fits more than one.
  [[nodiscard]] Digest resolve(std::string_view text) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pfcache
#pragma GCC visibility pop
