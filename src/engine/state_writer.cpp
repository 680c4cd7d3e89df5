#include "engine/state_writer.hpp"

#include <algorithm>
#include <vector>

#include "engine/transpose.hpp"

namespace pfcache {

void StateWriter::write_surroundings(std::span<const std::byte> surroundings) const {
  std::uint64_t offset = 0;
  const auto write_until = [&](std::uint64_t end) {
    write_at_(offset, surroundings.first(end - offset));
    surroundings = surroundings.subspan(end - offset);
    offset = end;
  };
  for (const StateStream& stream : layout_.streams) {
    for (const auto* blocks : {&stream.k, &stream.v}) {
      for (const RowBlock& block : *blocks) {
        write_until(block.offset);
        offset += stream.cells * block.row_bytes;
      }
    }
  }
  write_until(layout_.file_bytes);
}

void StateWriter::write_k(std::uint32_t ix, std::span<const std::byte> page) const {
  const PageSpan span = geometry_.span_of(ix);
  write_rows(layout_.streams[span.stream].k, span, page);
}

void StateWriter::write_v(std::uint32_t ix, std::span<const std::byte> page) const {
  const PageSpan span = geometry_.span_of(ix);
  write_rows(layout_.streams[span.stream].v, span, page);
}

void StateWriter::write_rows(const std::vector<RowBlock>& blocks, const PageSpan& page,
                             std::span<const std::byte> bytes) const {
  std::vector<std::byte> packed;
  for (const RowBlock& block : blocks) {
    auto rows = bytes.first(page.cells * geometry_.row_width());
    bytes = bytes.subspan(geometry_.layer_bytes());
    if (block.row_bytes != geometry_.row_width()) {
      packed.clear();
      for (std::uint32_t cell = 0; cell < page.cells; ++cell) {
        const auto row = rows.subspan(cell * geometry_.row_width(), block.row_bytes);
        packed.insert(packed.end(), row.begin(), row.end());
      }
      rows = packed;
    }
    write_at_(block.offset + page.first_cell * block.row_bytes, rows);
  }
}

void StateWriter::write_v_transposed(std::uint32_t first_ix, std::size_t layer,
                                     std::span<const std::byte> pages) const {
  const PageSpan first = geometry_.span_of(first_ix);
  const StateStream& stream = layout_.streams[first.stream];
  const RowBlock& block = stream.v[layer];
  if (block.row_bytes == 0) return;
  const std::uint64_t page_bytes = geometry_.page_bytes();
  const std::uint64_t element = unit_bytes_of(block.type);
  const std::uint64_t n_embd = block.row_bytes / element;
  const std::uint64_t cells =
      std::min<std::uint64_t>(pages.size() / page_bytes * kStatePageTokens, stream.cells - first.first_cell);

  std::vector<std::byte> elements(cells * block.row_bytes);  // one row an element of n_embd, one column a cell
  for (std::uint64_t cell = 0; cell < cells; cell += kStatePageTokens) {
    const TransposeShape shape{std::min<std::uint64_t>(kStatePageTokens, cells - cell), n_embd, element,
                               geometry_.row_width(), cells * element};
    transpose(shape, pages.subspan(cell / kStatePageTokens * page_bytes + layer * geometry_.layer_bytes()),
              std::span(elements).subspan(cell * element));
  }
  if (cells == stream.cells) return write_at_(block.offset, elements);
  for (std::uint64_t row = 0; row < n_embd; ++row) {
    write_at_(block.offset + (row * stream.cells + first.first_cell) * element,
              std::span(elements).subspan(row * cells * element, cells * element));
  }
}

}  // namespace pfcache
