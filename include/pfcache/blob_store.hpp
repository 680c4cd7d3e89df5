// A content-addressed store of blobs: immutable byte strings named by the SHA-256 of their plain bytes.
//
// `BlobStore` is the seam between everything above and where blobs are kept (a directory: FsBlobStore; memory:
// MemBlobStore). All of its functions may be called from any number of threads at once.
//
// Example:
//
//   #include <pfcache/blob_store.hpp>
//   #include <pfcache/mem_blob_store.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::MemBlobStore memory;
//     pfcache::BlobStore& blobs = memory;
//     const std::vector<std::byte> bytes(100);
//     const pfcache::PutResult put = blobs.put(bytes);
//     std::cout << blobs.get(put.digest).size() << " bytes\n";  // prints 100 bytes
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"
#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// The largest blob a store takes or gives, in plain bytes: a limit checked before memory is taken.
inline constexpr std::uint64_t kMaxBlobBytes = std::uint64_t{1} << 30;

/// How a blob's bytes are kept. Identity is that of the plain bytes, whatever the encoding.
enum class Encoding {
  raw,      ///< `.raw`: the bytes themselves
  zstd,     ///< `.zst`: zstd frames that decode to the bytes
  planes2,  ///< `.zp2`: byte planes of elements of 2 bytes, each a zstd frame or stored
  planes4,  ///< `.zp4`: the same for elements of 4 bytes
};

/// `raw`, `zstd`, `planes2` or `planes4`.
[[nodiscard]] std::string_view name_of(Encoding encoding) noexcept;

/// What a blob's bytes are, for the choice of an encoding. It changes neither the digest nor what is given back.
struct BlobHint {
  std::uint32_t element_bytes = 1;  ///< width of the numbers that the bytes are: 2 for bf16 and f16, 4 for f32
};

/// What a store knows of a blob without reading it.
struct BlobInfo {
  Encoding encoding = Encoding::raw;
  std::uint64_t stored_bytes = 0;  ///< bytes of the encoded file
};

/// What a put did.
struct PutResult {
  Digest digest;
  bool added = false;              ///< false: the store held these bytes already, intact
  std::uint64_t stored_bytes = 0;  ///< bytes of the encoded blob, added now or held before
};

/// Blobs that become durable together. The destructor of a batch that wasn't committed takes back what it had
/// not yet published. put() may be called from many threads at once, commit() once, after all of them.
class BlobBatch {
 public:
  BlobBatch() = default;
  BlobBatch(const BlobBatch&) = delete;
  BlobBatch& operator=(const BlobBatch&) = delete;
  virtual ~BlobBatch();

  /// Adds blobs, and fills `results[i]` for `blobs[i]`. One that the store holds intact is left as it is; one that it
  /// holds damaged is replaced. (A directory store compares what it holds; for ten minutes it then believes a file that
  /// was neither written to nor failed a read since.) None is visible to readers before commit(). Many at once are
  /// hashed together, which is several times faster than one by one. REQUIRES: as many results as blobs. Throws:
  /// Errc::too_large above kMaxBlobBytes; system errors (ENOSPC, EROFS, …).
  virtual void put_many(std::span<const std::span<const std::byte>> blobs, std::span<PutResult> results,
                        const BlobHint& hint) = 0;

  /// Adds one blob.
  PutResult put(std::span<const std::byte> bytes, const BlobHint& hint = {});

  /// Publishes every blob of the batch. When it returns they are durable and readable, those included that
  /// another writer had published but perhaps not yet synced. A failure leaves whole blobs or none.
  virtual void commit() = 0;
};

/// One blob wanted of get_many.
struct GetRequest {
  Digest digest;
  std::span<std::byte> out;      ///< room for exactly the blob
  std::optional<Error> failure;  ///< set when it could not be given: as what get_into throws
};

class BlobStore {
 public:
  BlobStore() = default;
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;
  virtual ~BlobStore();

  /// REQUIRES: the store outlives the batch.
  [[nodiscard]] virtual std::unique_ptr<BlobBatch> begin_batch() = 0;

  /// Stores one blob, durable when it returns. Idempotent. Throws: as BlobBatch.
  PutResult put(std::span<const std::byte> bytes, const BlobHint& hint = {});

  /// Fills `out` with the blob, whose size the caller knows. Nothing is to be read from `out` after a failure.
  /// Throws: Errc::not_found; Errc::damaged when what is stored does not decode to exactly out.size() bytes with
  /// this digest; system errors.
  virtual void get_into(const Digest& digest, std::span<std::byte> out) const = 0;

  /// Fills the `out` of every request, as get_into does for one; hashing them together is several times faster. A
  /// request that fails has its `failure` set, and nothing is to be read from its `out`; the others are not affected.
  /// Throws: nothing that concerns a single blob.
  virtual void get_many(std::span<GetRequest> requests) const;

  /// As get_many, for those who need them all. Throws: the first failure, in the order of the requests.
  void get_all(std::span<GetRequest> requests) const;

  /// The blob, whose size is not known but at most `limit_bytes`. Throws: as get_into, and Errc::too_large.
  [[nodiscard]] virtual std::vector<std::byte> get(const Digest& digest,
                                                   std::uint64_t limit_bytes = kMaxBlobBytes) const = 0;

  /// A file of exactly the blob's bytes, open for reading, to be mapped or handed on instead of copied; nothing when
  /// the blob is absent, is kept in another form only, or what is kept has another size than `size_bytes`. The bytes
  /// are NOT verified, and a put that repairs the blob, or a removal, leaves the open file as it was. Throws: system
  /// errors.
  [[nodiscard]] virtual std::optional<UniqueFd> open_raw(const Digest& digest, std::uint64_t size_bytes) const;

  /// What is stored under `digest`, found without reading or checking its bytes; nothing when it is absent.
  [[nodiscard]] virtual std::optional<BlobInfo> find(const Digest& digest) const = 0;

  [[nodiscard]] bool contains(const Digest& digest) const { return find(digest).has_value(); }

  /// Calls `visit` for each stored blob, in no order; a blob kept in two encodings is visited once for each.
  virtual void for_each(const std::function<void(const Digest&, const BlobInfo&)>& visit) const = 0;

  /// Takes a blob away in all its encodings. False when there was none. The caller knows that nobody needs it.
  virtual bool remove(const Digest& digest) = 0;

  /// The sum of the stored bytes of all blobs: files of blobs only, not temp files, not directories.
  [[nodiscard]] virtual std::uint64_t physical_bytes() const;
};

}  // namespace pfcache
#pragma GCC visibility pop
