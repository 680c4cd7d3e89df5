// Checks that every store makes before it takes a blob.
#pragma once

#include <cstddef>
#include <span>

namespace pfcache {

/// Throws: Errc::too_large above kMaxBlobBytes.
void require_storable(std::span<const std::byte> blob);

}  // namespace pfcache
