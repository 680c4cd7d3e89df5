#include "pfcache/blob_store.hpp"

#include <fmt/format.h>

#include "cas/limits.hpp"
#include "pfcache/error.hpp"

namespace pfcache {

void require_storable(std::span<const std::byte> blob) {
  if (blob.size() <= kMaxBlobBytes) return;
  throw Error(Errc::too_large, fmt::format("a blob has at most {} bytes, found {}", kMaxBlobBytes, blob.size()));
}

BlobBatch::~BlobBatch() = default;
BlobStore::~BlobStore() = default;

PutResult BlobBatch::put(std::span<const std::byte> bytes, const BlobHint& hint) {
  PutResult result;
  put_many(std::span(&bytes, 1), std::span(&result, 1), hint);
  return result;
}

PutResult BlobStore::put(std::span<const std::byte> bytes, const BlobHint& hint) {
  const auto batch = begin_batch();
  const PutResult result = batch->put(bytes, hint);
  batch->commit();
  return result;
}

void BlobStore::get_many(std::span<GetRequest> requests) const {
  for (GetRequest& request : requests) {
    try {
      get_into(request.digest, request.out);
    } catch (const Error& error) {
      request.failure = error;
    }
  }
}

void BlobStore::get_all(std::span<GetRequest> requests) const {
  get_many(requests);
  for (const GetRequest& request : requests) {
    if (request.failure) throw Error(*request.failure);
  }
}

std::optional<UniqueFd> BlobStore::open_raw(const Digest& /*digest*/, std::uint64_t /*size_bytes*/) const {
  return std::nullopt;
}

std::uint64_t BlobStore::physical_bytes() const {
  std::uint64_t total_bytes = 0;
  for_each([&](const Digest&, const BlobInfo& info) { total_bytes += info.stored_bytes; });
  return total_bytes;
}

}  // namespace pfcache
