#include "fuse/hot_key.hpp"

#include <algorithm>

#include "pfcache/sha256.hpp"

namespace pfcache::fuse {

bool has_digests(const HotKey& key, std::span<const std::byte> bytes) {
  std::array<std::span<const std::byte>, 2> blobs;
  std::array<Digest, 2> found;
  for (std::size_t i = 0; i < key.blob_count; ++i) blobs.at(i) = bytes.subspan(i * key.blob_bytes, key.blob_bytes);
  sha256_many(std::span(blobs).first(key.blob_count), std::span(found).first(key.blob_count));
  return std::ranges::equal(std::span(found).first(key.blob_count), key.blobs());
}

}  // namespace pfcache::fuse
