#include "engine/transpose.hpp"

#include <doctest/doctest.h>

#include <vector>

namespace pfcache {
namespace {

TEST_CASE("every element lands at its mirrored place, and nothing beside it is touched") {
  for (const std::size_t element : {1U, 2U, 4U, 34U}) {
    for (const auto& [rows, columns] :
         std::vector<std::pair<std::size_t, std::size_t>>{{1, 1}, {3, 70}, {33, 16}, {64, 64}}) {
      const TransposeShape shape{rows, columns, element, columns * element + 5, rows * element + 3};
      std::vector<std::byte> in(shape.in_stride_bytes * rows);
      for (std::size_t i = 0; i < in.size(); ++i) in[i] = static_cast<std::byte>(i * 31 + i / 251);
      std::vector<std::byte> expected(shape.out_stride_bytes * columns, std::byte{0xee});
      std::vector<std::byte> out = expected;
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t c = 0; c < columns; ++c) {
          for (std::size_t b = 0; b < element; ++b) {
            expected[c * shape.out_stride_bytes + r * element + b] = in[r * shape.in_stride_bytes + c * element + b];
          }
        }
      }
      transpose(shape, in, out);
      CHECK(out == expected);
    }
  }
}

}  // namespace
}  // namespace pfcache
