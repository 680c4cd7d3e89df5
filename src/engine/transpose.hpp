// Exchanging rows and columns of a matrix of small elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pfcache {

struct TransposeShape {
  std::size_t rows = 0;  ///< of the input
  std::size_t columns = 0;
  std::size_t element_bytes = 0;
  std::size_t in_stride_bytes = 0;   ///< from a row of the input to the next
  std::size_t out_stride_bytes = 0;  ///< from a column of the input to the next, where it is a row of the output
};

/// Puts element (r, c) of `in` at (c, r) of `out`. REQUIRES: both are large enough for the shape.
void transpose(const TransposeShape& shape, std::span<const std::byte> in, std::span<std::byte> out) noexcept;

}  // namespace pfcache
