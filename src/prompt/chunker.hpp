// Where to cut a payload into chunks so that payloads with equal stretches share them: FastCDC (Xia et al., 2016). A
// rolling hash of the last 64 bytes decides, so that a cut depends on what stands there, not on where.
#pragma once

#include <cstddef>
#include <span>

namespace pfcache {

inline constexpr std::size_t kMinChunkBytes = std::size_t{4} << 10;
inline constexpr std::size_t kAverageChunkBytes = std::size_t{16} << 10;
inline constexpr std::size_t kMaxChunkBytes = std::size_t{64} << 10;

/// The size of the first chunk of `bytes`. What lies beyond kMaxChunkBytes has no influence; fewer bytes are the end of
/// the payload. REQUIRES: not empty. Changing what it returns makes stored payloads and new ones share nothing.
[[nodiscard]] std::size_t first_chunk_bytes(std::span<const std::byte> bytes) noexcept;

}  // namespace pfcache
