// A blob store in a directory: ROOT/blobs/sha256/<first two hex digits>/<64 hex digits>.<encoding>.
//
// Safe for any number of threads and processes at once, without locks: blobs are written under a temporary name in
// their own directory, synced, and renamed into place; two writers of one blob write the same bytes, so that
// whichever rename comes last changes nothing. Reading never writes. Names in the directory that are not a blob's
// are ignored. A store that pf-core 1.0 wrote is read as it is.
//
// Example:
//
//   #include <pfcache/fs_blob_store.hpp>
//   #include <iostream>
//
//   int main() {
//     std::filesystem::create_directory("store");
//     pfcache::FsBlobStore blobs("store");
//     const std::vector<std::byte> zeros(1000);
//     const auto batch = blobs.begin_batch();
//     const pfcache::PutResult put = batch->put(zeros);
//     batch->commit();  // durable
//     std::cout << put.added << ' ' << (put.stored_bytes < 100) << '\n';  // prints 1 1
//   }
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "pfcache/blob_store.hpp"

namespace pfcache {
class Directory;  // not exported, hence before the pragma
}

#pragma GCC visibility push(default)
namespace pfcache {

/// Which encoding a put chooses. Readers accept every encoding whatever the policy.
enum class EncodingPolicy {
  automatic,  ///< zstd at a fast level, or raw where that saves less than 3 %
  zstd_19,    ///< one zstd frame at level 19: what pf-core writes and reads
  raw,        ///< no compression
};

/// `auto`, `zst19` or `raw`, as configurations and commands spell them; nothing for another text.
[[nodiscard]] std::optional<EncodingPolicy> encoding_named(std::string_view name) noexcept;

class FsBlobStore final : public BlobStore {
 public:
  /// Opens the store below `root`, an existing directory; nothing is created before the first put.
  /// Throws: Errc::not_found when `root` is absent; system errors.
  explicit FsBlobStore(const std::filesystem::path& root, EncodingPolicy policy = EncodingPolicy::automatic);

  /// As above, on a directory that is already open. For use inside the library and its tests.
  FsBlobStore(const Directory& root, EncodingPolicy policy);

  ~FsBlobStore() override;

  [[nodiscard]] std::unique_ptr<BlobBatch> begin_batch() override;
  void get_into(const Digest& digest, std::span<std::byte> out) const override;
  void get_many(std::span<GetRequest> requests) const override;
  [[nodiscard]] std::vector<std::byte> get(const Digest& digest,
                                           std::uint64_t limit_bytes = kMaxBlobBytes) const override;
  [[nodiscard]] std::optional<UniqueFd> open_raw(const Digest& digest, std::uint64_t size_bytes) const override;
  [[nodiscard]] std::optional<BlobInfo> find(const Digest& digest) const override;
  void for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const override;
  bool remove(const Digest& digest) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pfcache
#pragma GCC visibility pop
