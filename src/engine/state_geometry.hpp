// How the cells of a llama.cpp state become pages.
//
// A page is up to 16 consecutive cells of one stream: K is, for each layer, 16 rows, and V likewise. What a page does
// not use is zero: the rows after the last cell, and the end of rows that are narrower than the widest. So the same
// tokens give the same page however long the session, and whether V was stored transposed or not.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/llama_state.hpp"
#include "pfcache/manifest.hpp"

namespace pfcache {

inline constexpr std::uint32_t kStatePageTokens = 16;

/// The cells that one page holds.
struct PageSpan {
  std::uint32_t stream = 0;
  std::uint32_t first_cell = 0;
  std::uint32_t cells = 0;  ///< 1 … kStatePageTokens
};

class StateGeometry {
 public:
  /// Throws: Errc::too_large when a page would be larger than a page may be.
  explicit StateGeometry(const StateLayout& layout);

  /// With rows of one float type, that type; otherwise a 1-byte dtype, so that head_dim counts bytes.
  [[nodiscard]] const CacheMeta& meta() const noexcept { return meta_; }

  /// What an element of meta() stands for: `f16`, `bytes of q8_0`, `bytes of mixed rows`.
  [[nodiscard]] const std::string& element() const noexcept { return element_; }

  /// Bytes from a row to the next in a page, and from layer to layer.
  [[nodiscard]] std::uint64_t row_width() const noexcept { return row_width_; }
  [[nodiscard]] std::uint64_t layer_bytes() const noexcept { return kStatePageTokens * row_width_; }
  [[nodiscard]] std::uint64_t page_bytes() const noexcept { return layer_bytes() * meta_.n_layers; }

  [[nodiscard]] std::uint32_t page_count() const noexcept { return first_pages_.back(); }

  /// REQUIRES: ix < page_count().
  [[nodiscard]] PageSpan span_of(std::uint32_t ix) const noexcept;

  /// The first page of a stream; for the number of streams, page_count().
  [[nodiscard]] std::uint32_t first_page(std::uint32_t stream) const noexcept { return first_pages_[stream]; }

  /// `stream-<n>` for each stream, over its pages.
  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const;

 private:
  CacheMeta meta_;
  std::string element_;
  std::uint64_t row_width_ = 0;
  std::vector<std::uint32_t> cells_;        // of each stream
  std::vector<std::uint32_t> first_pages_;  // of each stream, and then the number of pages
};

}  // namespace pfcache
