// The last steps of a snapshot that came through staging.
#pragma once

#include <string>
#include <string_view>

#include "pfcache/store.hpp"

namespace pfcache {

/// Stores the manifest exactly as it is and seals the snapshot, durable when it returns; its digest.
/// REQUIRES: its pages are durable, and the caller has held a WriterLease since before it made sure of that.
/// Throws: as PageManifest::parse, BlobStore::put, Catalog::seal.
Digest seal_manifest(Store& store, std::string_view json, const std::string& source);

}  // namespace pfcache
