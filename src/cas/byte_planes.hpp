// Elements taken apart into planes of bytes, and put together again.
//
// Plane p holds byte p of every element. Of a bf16 value that is the fine end of the mantissa, which is noise, and sign
// with most of the exponent, which is not: apart, the second compresses and the first can be left alone.
#pragma once

#include <cstddef>
#include <span>

namespace pfcache {

/// The element widths that have planes.
[[nodiscard]] constexpr bool has_byte_planes(std::size_t width) noexcept { return width == 2 || width == 4; }

/// Fills `planes` with the `width` planes of `elements`, one after the other.
/// REQUIRES: has_byte_planes(width); elements.size() is a multiple of it and equal to planes.size(); they don't
/// overlap.
void split_planes(std::size_t width, std::span<const std::byte> elements, std::span<std::byte> planes) noexcept;

/// The way back: planes[p] is plane p, elements.size() / width bytes of it.
/// REQUIRES: as split_planes; planes.size() == width.
void merge_planes(std::span<const std::byte* const> planes, std::span<std::byte> elements) noexcept;

}  // namespace pfcache
