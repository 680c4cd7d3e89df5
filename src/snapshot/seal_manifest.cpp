#include "snapshot/seal_manifest.hpp"

#include <fmt/format.h>

#include <chrono>

#include "base/bytes.hpp"
#include "pfcache/version.hpp"

namespace pfcache {

Digest seal_manifest(Store& store, std::string_view json, const std::string& source) {
  const PageManifest manifest = PageManifest::parse(json, "the manifest to be stored");
  const Digest digest = store.blobs().put(as_bytes(json)).digest;
  SealRecord record;
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  record.sealed_unix_secs = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  record.by = fmt::format("pfcache {}", version());
  record.source = source;
  record.pages = manifest.effective_pages().size();
  record.logical_bytes = 2 * manifest.meta.page_bytes() * record.pages;
  store.catalog().seal(digest, record);
  return digest;
}

}  // namespace pfcache
