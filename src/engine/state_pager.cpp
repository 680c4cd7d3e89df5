#include "engine/state_pager.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "engine/transpose.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kMaxStripPages = 64;
constexpr std::uint64_t kMaxStripBytes = std::uint64_t{256} << 20;  // unless one page is larger

[[noreturn]] void refuse_writing() { throw Error(Errc::unsupported, "an engine file that is captured is only read"); }

}  // namespace

std::uint32_t strip_pages(const StateGeometry& geometry) noexcept {
  const std::uint64_t fitting = kMaxStripBytes / std::max<std::uint64_t>(1, geometry.page_bytes());
  return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(fitting, 1, kMaxStripPages));
}

std::vector<PageIndex> StatePager::occupied_pages() const {
  std::vector<PageIndex> pages(geometry_.page_count());
  for (std::uint32_t ix = 0; ix < pages.size(); ++ix) pages[ix] = {ix};
  return pages;
}

void StatePager::read_page(PageIndex ix, MutablePageView out) {
  if (ix.value >= geometry_.page_count()) {
    throw Error(Errc::invalid_argument, fmt::format("page {} of {}", ix.value, geometry_.page_count()));
  }
  const PageSpan page = geometry_.span_of(ix.value);
  const StateStream& stream = layout_.streams[page.stream];
  read_rows(stream.k, page, out.k);
  if (stream.v_transposed) {
    read_transposed(ix.value, page, out.v);
  } else {
    read_rows(stream.v, page, out.v);
  }
}

void StatePager::read_rows(const std::vector<RowBlock>& blocks, const PageSpan& page, std::span<std::byte> out) {
  const std::uint64_t width = geometry_.row_width();
  for (const RowBlock& block : blocks) {
    const auto layer = out.first(geometry_.layer_bytes());
    out = out.subspan(layer.size());
    const std::uint64_t size_bytes = page.cells * block.row_bytes;
    const std::uint64_t offset = block.offset + page.first_cell * block.row_bytes;
    if (block.row_bytes == width) {
      file_.read_at(offset, layer.first(size_bytes));
      std::ranges::fill(layer.subspan(size_bytes), std::byte{0});
      continue;
    }
    scratch_.resize(size_bytes);
    file_.read_at(offset, scratch_);
    std::ranges::fill(layer, std::byte{0});
    for (std::uint32_t cell = 0; cell < page.cells; ++cell) {
      const auto row = std::span(scratch_).subspan(cell * block.row_bytes, block.row_bytes);
      std::ranges::copy(row, layer.subspan(cell * width).begin());
    }
  }
}

void StatePager::read_transposed(std::uint32_t ix, const PageSpan& page, std::span<std::byte> out) {
  if (ix < strip_first_ || ix - strip_first_ >= strip_count_) {
    const std::uint32_t end = geometry_.first_page(page.stream + 1);
    load_strip(ix, std::min(strip_pages(geometry_), end - ix));
  }
  const std::uint64_t page_bytes = geometry_.page_bytes();
  std::ranges::copy(std::span(strip_).subspan((ix - strip_first_) * page_bytes, page_bytes), out.begin());
}

void StatePager::load_strip(std::uint32_t first_page, std::uint32_t pages) {
  strip_count_ = 0;  // nothing is to be used of a strip that could not be read to its end
  strip_.assign(pages * geometry_.page_bytes(), std::byte{0});
  PageSpan strip = geometry_.span_of(first_page);
  const StateStream& stream = layout_.streams[strip.stream];
  strip.cells = std::min(pages * kStatePageTokens, stream.cells - strip.first_cell);
  for (std::size_t layer = 0; layer < stream.v.size(); ++layer) {
    const RowBlock& block = stream.v[layer];
    if (block.row_bytes == 0) continue;
    read_strip_elements(block, stream.cells, strip);
    const std::size_t element = unit_bytes_of(block.type);
    for (std::uint32_t cell = 0; cell < strip.cells; cell += kStatePageTokens) {
      const TransposeShape shape{block.row_bytes / element, std::min(kStatePageTokens, strip.cells - cell), element,
                                 strip.cells * element, geometry_.row_width()};
      const std::uint64_t page_offset = cell / kStatePageTokens * geometry_.page_bytes();
      transpose(shape, std::span<const std::byte>(scratch_).subspan(cell * element),
                std::span(strip_).subspan(page_offset + layer * geometry_.layer_bytes()));
    }
  }
  strip_first_ = first_page;
  strip_count_ = pages;
}

// Fills the scratch with the strip's part of each row of V: one row an element of n_embd, one column a cell.
void StatePager::read_strip_elements(const RowBlock& block, std::uint32_t stream_cells, const PageSpan& strip) {
  const std::uint64_t element = unit_bytes_of(block.type);
  const std::uint64_t piece_bytes = strip.cells * element;
  scratch_.resize(strip.cells * block.row_bytes);
  if (strip.cells == stream_cells) return file_.read_at(block.offset, scratch_);
  for (std::uint64_t row = 0; row < block.row_bytes / element; ++row) {
    file_.read_at(block.offset + (row * stream_cells + strip.first_cell) * element,
                  std::span(scratch_).subspan(row * piece_bytes, piece_bytes));
  }
}

std::vector<PageIndex> StatePager::allocate_pages(std::size_t /*count*/) { refuse_writing(); }
void StatePager::write_page(PageIndex /*ix*/, PageView /*page*/) { refuse_writing(); }
void StatePager::install_logical_seqs(std::span<const LogicalSeq> /*seqs*/) { refuse_writing(); }

}  // namespace pfcache
