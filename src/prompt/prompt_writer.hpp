// An entry on its way in: written to a temp file, and nothing more.
#pragma once

#include <stop_token>

#include "base/directory.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "prompt/payload_source.hpp"

namespace pfcache {

struct WrittenPrompt {
  PendingFile file;  ///< durable, and locked until it is closed
  PromptInfo info;
  bool has_checksum = false;
};

struct PromptWriteOptions {
  std::uint64_t limit_bytes = 0;  ///< more than this is never charged
  BlobStore* blobs = nullptr;     ///< set: write a recipe, its chunks durable before it is
  std::stop_token stop;
};

/// Writes an entry whose header says all but its lengths.
/// Throws: Errc::too_large; Errc::mismatch when the source did not hold what it said; Errc::interrupted; system errors.
[[nodiscard]] WrittenPrompt write_prompt(const Directory& directory, const PromptSave& prompt, PayloadSource& source,
                                         const PromptWriteOptions& options);

}  // namespace pfcache
