#include "engine/transpose.hpp"

#include <algorithm>
#include <cstring>

namespace pfcache {
namespace {

// A tile of this many elements on a side stays in the first cache, with either stride.
constexpr std::size_t kTile = 32;

// `kElement` is the element's size where the compiler shall know it, or 0.
template <std::size_t kElement>
void transpose_tiles(const TransposeShape& shape, const std::byte* in, std::byte* out) noexcept {
  const std::size_t element = kElement != 0 ? kElement : shape.element_bytes;
  for (std::size_t row = 0; row < shape.rows; row += kTile) {
    for (std::size_t column = 0; column < shape.columns; column += kTile) {
      const std::size_t row_end = std::min(row + kTile, shape.rows);
      const std::size_t column_end = std::min(column + kTile, shape.columns);
      for (std::size_t c = column; c < column_end; ++c) {
        for (std::size_t r = row; r < row_end; ++r) {
          std::memcpy(out + c * shape.out_stride_bytes + r * element, in + r * shape.in_stride_bytes + c * element,
                      element);
        }
      }
    }
  }
}

}  // namespace

void transpose(const TransposeShape& shape, std::span<const std::byte> in, std::span<std::byte> out) noexcept {
  switch (shape.element_bytes) {
    case 2: return transpose_tiles<2>(shape, in.data(), out.data());
    case 4: return transpose_tiles<4>(shape, in.data(), out.data());
    default: return transpose_tiles<0>(shape, in.data(), out.data());
  }
}

}  // namespace pfcache
