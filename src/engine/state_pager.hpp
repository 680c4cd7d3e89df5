// A llama.cpp state file as a cache whose pages can be captured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/byte_source.hpp"
#include "engine/llama_state.hpp"
#include "engine/state_geometry.hpp"
#include "pfcache/pager.hpp"

namespace pfcache {

/// Pages that are taken together where V is transposed: a page's share of a V row is a few bytes, so one page at a time
/// would mean very many small reads. At least one page.
[[nodiscard]] std::uint32_t strip_pages(const StateGeometry& geometry) noexcept;

/// Cuts pages out of a file. Nothing is paused, nothing can be written. Pages are read fastest in ascending order.
class StatePager final : public CachePager {
 public:
  /// REQUIRES: the three outlive this object, and belong together.
  StatePager(const ByteSource& file, const StateLayout& layout, const StateGeometry& geometry)
      : file_(file), layout_(layout), geometry_(geometry) {}

  [[nodiscard]] CacheMeta meta() const override { return geometry_.meta(); }
  void pause() override {}
  void resume() override {}
  [[nodiscard]] std::vector<PageIndex> occupied_pages() const override;
  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override { return geometry_.logical_seqs(); }
  void read_page(PageIndex ix, MutablePageView out) override;

  /// Throw Errc::unsupported.
  [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override;
  void write_page(PageIndex ix, PageView page) override;
  void install_logical_seqs(std::span<const LogicalSeq> seqs) override;

 private:
  void read_rows(const std::vector<RowBlock>& blocks, const PageSpan& page, std::span<std::byte> out);
  void read_transposed(std::uint32_t ix, const PageSpan& page, std::span<std::byte> out);
  void load_strip(std::uint32_t first_page, std::uint32_t pages);
  void read_strip_elements(const RowBlock& block, std::uint32_t stream_cells, const PageSpan& strip);

  const ByteSource& file_;
  const StateLayout& layout_;
  const StateGeometry& geometry_;
  std::vector<std::byte> scratch_;
  std::vector<std::byte> strip_;  // V of the pages from strip_first_ on, as pages
  std::uint32_t strip_first_ = 0;
  std::uint32_t strip_count_ = 0;
};

}  // namespace pfcache
