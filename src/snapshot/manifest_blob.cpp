#include "snapshot/manifest_blob.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"

namespace pfcache {

std::string load_manifest_bytes(const BlobStore& blobs, const Digest& digest) {
  return std::string(as_text(blobs.get(digest, kMaxManifestBytes)));
}

PageManifest load_manifest(const BlobStore& blobs, const Digest& digest) {
  return parse_manifest(load_manifest_bytes(blobs, digest), digest);
}

PageManifest parse_manifest(std::string_view bytes, const Digest& digest) {
  return PageManifest::parse(bytes, fmt::format("manifest {}", digest.hex()));
}

}  // namespace pfcache
