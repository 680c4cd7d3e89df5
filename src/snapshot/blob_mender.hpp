// Mending blobs that are damaged or missing, where intact bytes of them are to be had.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "pfcache/store.hpp"

namespace pfcache {

/// The bytes come from another encoding of the blob in the same store, or else from other stores, and are put: a put
/// writes every damaged file of a blob anew under its own name, and what somebody else puts or repairs meanwhile is the
/// same bytes. Nothing is ever removed, so that neither a crash nor another writer can make it worse. What can't be
/// mended stays as it is; a capture of the same content will repair it. Thread-safe.
///
/// REQUIRES: the stores outlive this object, and its user holds a WriterLease.
class BlobMender {
 public:
  struct Blob {
    Digest digest;
    std::optional<std::uint64_t> size_bytes = {};  ///< nothing for a manifest, whose size nobody knows
    BlobHint hint = {};
  };

  BlobMender(Store& store, std::vector<const Store*> sources) : store_(store), sources_(std::move(sources)) {}

  /// Tries to mend each, and says where the bytes came from; nothing for one that could not be. Durable when it
  /// returns. Throws: system errors (ENOSPC, EROFS, …) of the store, and of a source what is no damage.
  [[nodiscard]] std::vector<std::optional<std::string>> mend(std::span<const Blob> blobs) const;

 private:
  struct Found {
    std::vector<std::byte> bytes;
    std::string where;
  };
  [[nodiscard]] std::optional<Found> find(const Blob& blob) const;

  Store& store_;
  const std::vector<const Store*> sources_;
};

/// True for what a verification reports: stored bytes that are wrong, missing, or can't be read from the disk.
[[nodiscard]] bool is_damage(const std::error_code& code) noexcept;

}  // namespace pfcache
