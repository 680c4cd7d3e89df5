#include "snapshot/blob_mender.hpp"

#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

std::optional<std::vector<std::byte>> try_get(const BlobStore& blobs, const BlobMender::Blob& blob) {
  try {
    auto bytes = blobs.get(blob.digest, blob.size_bytes.value_or(kMaxManifestBytes));
    // Whole, and not what is needed: that is the fault of what needs it.
    if (blob.size_bytes && bytes.size() != *blob.size_bytes) return std::nullopt;
    return bytes;
  } catch (const Error& error) {
    if (is_damage(error.code())) return std::nullopt;
    throw;
  }
}

}  // namespace

bool is_damage(const std::error_code& code) noexcept {
  return code == Errc::damaged || code == Errc::not_found || code == Errc::too_large || errno_of(code) == EIO;
}

std::vector<std::optional<std::string>> BlobMender::mend(std::span<const Blob> blobs) const {
  std::vector<std::optional<std::string>> mended(blobs.size());
  const auto batch = store_.blobs().begin_batch();
  for (std::size_t i = 0; i < blobs.size(); ++i) {
    auto found = find(blobs[i]);
    if (!found) continue;
    batch->put(found->bytes, blobs[i].hint);
    mended[i] = std::move(found->where);
  }
  batch->commit();
  return mended;
}

std::optional<BlobMender::Found> BlobMender::find(const Blob& blob) const {
  if (auto bytes = try_get(store_.blobs(), blob)) return Found{std::move(*bytes), "another encoding"};
  for (const Store* source : sources_) {
    if (auto bytes = try_get(source->blobs(), blob)) return Found{std::move(*bytes), source->path().native()};
  }
  return std::nullopt;
}

}  // namespace pfcache
