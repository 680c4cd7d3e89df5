// Manifests as they lie in a blob store.
#pragma once

#include <string>

#include "pfcache/blob_store.hpp"
#include "pfcache/manifest.hpp"

namespace pfcache {

/// The exact bytes, verified. Throws: as BlobStore::get.
[[nodiscard]] std::string load_manifest_bytes(const BlobStore& blobs, const Digest& digest);

/// Parsed. Throws: also as PageManifest::parse, naming the digest.
[[nodiscard]] PageManifest load_manifest(const BlobStore& blobs, const Digest& digest);

/// `bytes` parsed as the manifest called `digest` in messages.
[[nodiscard]] PageManifest parse_manifest(std::string_view bytes, const Digest& digest);

}  // namespace pfcache
