// Putting a llama.cpp state file together again from its surroundings and its pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "engine/llama_state.hpp"
#include "engine/state_geometry.hpp"

namespace pfcache {

/// Takes bytes that belong at an offset of the file. Called from several threads at once when the writer is.
using WriteAt = std::function<void(std::uint64_t offset, std::span<const std::byte> bytes)>;

/// Says where bytes go. Holds nothing itself; its functions may be called in any order and from many threads.
class StateWriter {
 public:
  /// REQUIRES: layout and geometry outlive this object, and belong together.
  StateWriter(const StateLayout& layout, const StateGeometry& geometry, WriteAt write_at)
      : layout_(layout), geometry_(geometry), write_at_(std::move(write_at)) {}

  /// Writes everything that is not rows. REQUIRES: `layout` was parsed from these bytes.
  void write_surroundings(std::span<const std::byte> surroundings) const;

  /// Writes K of a page. REQUIRES, here and below: a page has geometry.page_bytes() bytes.
  void write_k(std::uint32_t ix, std::span<const std::byte> page) const;

  /// Writes V of a page. REQUIRES: its stream isn't transposed.
  void write_v(std::uint32_t ix, std::span<const std::byte> page) const;

  /// Writes one layer of V of consecutive pages of one transposed stream; `pages` holds them one after the other.
  void write_v_transposed(std::uint32_t first_ix, std::size_t layer, std::span<const std::byte> pages) const;

 private:
  void write_rows(const std::vector<RowBlock>& blocks, const PageSpan& page, std::span<const std::byte> bytes) const;

  const StateLayout& layout_;
  const StateGeometry& geometry_;
  WriteAt write_at_;
};

}  // namespace pfcache
