#include "engine/state_geometry.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace pfcache {
namespace {

// What the rows of all blocks have in common.
struct RowSummary {
  bool any = false;
  bool mixed = false;
  GgmlType type = GgmlType::f16;
  std::uint64_t widest_bytes = 0;

  void add(const std::vector<RowBlock>& blocks) {
    for (const RowBlock& block : blocks) {
      if (any && block.type != type) mixed = true;
      any = true;
      type = block.type;
      widest_bytes = std::max(widest_bytes, block.row_bytes);
    }
  }
};

std::optional<DType> float_type_of(const RowSummary& rows) {
  if (!rows.any || rows.mixed) return std::nullopt;
  switch (rows.type) {
    case GgmlType::f32: return DType::f32;
    case GgmlType::f16: return DType::f16;
    case GgmlType::bf16: return DType::bf16;
    case GgmlType::q8_0: return std::nullopt;
  }
  return std::nullopt;
}

std::string element_of(const RowSummary& rows) {
  if (!rows.any) return "bytes of no rows";
  if (rows.mixed) return "bytes of mixed rows";
  return float_type_of(rows) ? std::string(name_of(rows.type)) : fmt::format("bytes of {}", name_of(rows.type));
}

}  // namespace

StateGeometry::StateGeometry(const StateLayout& layout) {
  RowSummary rows;
  first_pages_.push_back(0);
  for (const StateStream& stream : layout.streams) {
    rows.add(stream.k);
    rows.add(stream.v);
    meta_.n_layers = std::max(meta_.n_layers, static_cast<std::uint32_t>(stream.k.size()));
    cells_.push_back(stream.cells);
    first_pages_.push_back(first_pages_.back() + (stream.cells + kStatePageTokens - 1) / kStatePageTokens);
  }
  meta_.page_size_tokens = kStatePageTokens;
  meta_.n_heads = 1;
  meta_.dtype = float_type_of(rows).value_or(DType::fp8e4m3);
  meta_.head_dim = static_cast<std::uint32_t>(rows.widest_bytes / size_bytes_of(meta_.dtype));
  static_cast<void>(meta_.page_bytes());  // throws when it is too large
  element_ = element_of(rows);
  row_width_ = rows.widest_bytes;
}

PageSpan StateGeometry::span_of(std::uint32_t ix) const noexcept {
  const auto after = std::upper_bound(first_pages_.begin(), first_pages_.end(), ix);
  const auto stream = static_cast<std::uint32_t>(after - first_pages_.begin() - 1);
  const std::uint32_t first_cell = (ix - first_pages_[stream]) * kStatePageTokens;
  return {stream, first_cell, std::min(kStatePageTokens, cells_[stream] - first_cell)};
}

std::vector<LogicalSeq> StateGeometry::logical_seqs() const {
  std::vector<LogicalSeq> seqs;
  for (std::uint32_t stream = 0; stream < cells_.size(); ++stream) {
    LogicalSeq seq;
    seq.id = fmt::format("stream-{}", stream);
    for (std::uint32_t ix = first_page(stream); ix < first_page(stream + 1); ++ix) seq.page_ixs.push_back({ix});
    seq.fill_in_last_page = cells_[stream] % kStatePageTokens;
    seqs.push_back(std::move(seq));
  }
  return seqs;
}

}  // namespace pfcache
