// Blobs of wide elements as planes of bytes, each on its own: what `.zp2` and `.zp4` files hold.
//
//   offset        bytes   field (integers little-endian)
//   0             4       `PFZP`
//   4             1       version, 1
//   5             1       N, the element's width: 2 or 4
//   6             2       0
//   8             8       plain bytes P
//   16            8 × N   stored bytes of each plane
//   16 + 8 N              the planes one after the other, then the P mod N bytes that are no whole element
//
// A plane is P div N bytes. One whose stored size is that is stored as it is; a smaller one is one zstd frame of it, of
// literals only: a plane of noise around a few values has no matches worth the search, and Huffman coding alone is
// several times faster both ways. One frame a plane, because frames of both would share one table in a block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace pfcache {

/// REQUIRES: has_byte_planes(width).
[[nodiscard]] std::vector<std::byte> planes_encode(std::span<const std::byte> plain, std::size_t width);

/// The most stored bytes that are read in order to decode a blob of `plain_bytes`: planes never grow.
[[nodiscard]] std::uint64_t planes_max_stored_bytes(std::size_t width, std::uint64_t plain_bytes) noexcept;

/// What a file says its plain size is, from its first bytes. Throws: Errc::damaged when it is no such file.
[[nodiscard]] std::uint64_t planes_plain_bytes(std::span<const std::byte> stored, std::size_t width,
                                               std::string_view path);

/// Fills `out` from a file that holds exactly out.size() plain bytes. `path` is for messages.
/// Throws: Errc::damaged when it holds anything else.
void planes_decode_into(std::span<const std::byte> stored, std::size_t width, std::span<std::byte> out,
                        std::string_view path);

}  // namespace pfcache
