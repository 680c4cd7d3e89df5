// Blobs as zstd frames: bounded on the way back, whatever the bytes.
//
// The only place that knows libzstd. Frames that others wrote may lack a content size and may follow one another; the
// size that a frame claims is therefore never relied on. Contexts are kept per thread and used again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pfcache {

/// The largest window (as a power of two) that decoding to an unknown size takes memory for: 128 MiB. pf-core's frames
/// and ours need 8 MiB.
inline constexpr int kMaxWindowLog = 27;

/// One frame with its content size, no checksum (the blob's name is one), at `level`.
[[nodiscard]] std::vector<std::byte> zstd_encode(std::span<const std::byte> plain, int level);

/// Appends one frame of `plain` to `out`, made of literals only: no matches are looked for.
void append_zstd_literals(std::vector<std::byte>& out, std::span<const std::byte> plain);

/// How many bytes append_zstd_literals appends.
[[nodiscard]] std::size_t zstd_literals_bytes(std::span<const std::byte> plain);

/// The most stored bytes that are read in order to decode a blob of `plain_bytes`.
[[nodiscard]] std::uint64_t zstd_max_stored_bytes(std::uint64_t plain_bytes) noexcept;

/// Fills `out` from frames that hold exactly out.size() bytes. `path` is for messages.
/// Throws: Errc::damaged when they hold anything else.
void zstd_decode_into(std::span<const std::byte> stored, std::span<std::byte> out, std::string_view path);

/// What the frames hold, which is at most `limit_bytes`; memory is taken as bytes come out, never on a frame's word.
/// Throws: Errc::damaged; Errc::too_large above the limit or kMaxWindowLog.
[[nodiscard]] std::vector<std::byte> zstd_decode(std::span<const std::byte> stored, std::uint64_t limit_bytes,
                                                 std::string_view path);

}  // namespace pfcache
