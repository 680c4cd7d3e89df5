// Blobs that are there in more than one encoding.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cas/blob_files.hpp"

namespace pfcache {

/// The paths of the files of `digest` that don't hold `bytes`, which are the blob's, when there are several files; none
/// when there is one, which is then the one that `bytes` were read from. A reader does not need them, and none of
/// them must outlive the intact one unnoticed. Throws: system errors.
[[nodiscard]] std::vector<std::string> damaged_copies(BlobDirectories& directories, const Digest& digest,
                                                      std::span<const std::byte> bytes);

}  // namespace pfcache
