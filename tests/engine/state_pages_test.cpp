// Pages cut from a state file, and a file made of pages: StateGeometry, StatePager, StateWriter.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/state_builder.hpp"
#include "engine/state_geometry.hpp"
#include "engine/state_pager.hpp"
#include "engine/state_writer.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr test::BlockSpec kF16{1, 12, 2};

struct Page {
  std::vector<std::byte> k;
  std::vector<std::byte> v;
  friend bool operator==(const Page&, const Page&) = default;
};

// A built file, parsed and cut.
struct CutState {
  explicit CutState(const test::StateSpec& spec)
      : bytes(test::build_state(spec).bytes),
        source(bytes),
        state(parse_state(source, "state.bin")),
        geometry(state.layout) {
    StatePager pager(source, state.layout, geometry);
    for (const PageIndex ix : pager.occupied_pages()) pages.push_back(read(pager, ix.value));
  }

  [[nodiscard]] Page read(StatePager& pager, std::uint32_t ix) const {
    // Not zero before, so that bytes a page leaves out are seen.
    Page page{std::vector(geometry.page_bytes(), std::byte{0xee}), std::vector(geometry.page_bytes(), std::byte{0xee})};
    pager.read_page({ix}, {page.k, page.v});
    return page;
  }

  std::vector<std::byte> bytes;
  MemorySource source;
  ParsedState state;
  StateGeometry geometry;
  std::vector<Page> pages;
};

std::vector<std::byte> put_together(const CutState& cut) {
  std::vector<std::byte> file(cut.bytes.size(), std::byte{0xee});
  const StateWriter writer(cut.state.layout, cut.geometry, [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    REQUIRE(offset + bytes.size() <= file.size());
    std::ranges::copy(bytes, file.begin() + static_cast<std::ptrdiff_t>(offset));
  });
  writer.write_surroundings(cut.state.surroundings);
  for (std::uint32_t ix = 0; ix < cut.pages.size(); ++ix) {
    writer.write_k(ix, cut.pages[ix].k);
    const StateStream& stream = cut.state.layout.streams[cut.geometry.span_of(ix).stream];
    if (!stream.v_transposed) writer.write_v(ix, cut.pages[ix].v);
    for (std::size_t layer = 0; stream.v_transposed && layer < stream.v.size(); ++layer) {
      writer.write_v_transposed(ix, layer, cut.pages[ix].v);
    }
  }
  return file;
}

TEST_CASE("pages and surroundings make the file again, whatever its shape") {
  for (const auto& spec : test::assorted_states()) {
    const CutState cut(spec);
    CHECK(put_together(cut) == cut.bytes);
  }
}

TEST_CASE("the geometry keeps a float type and counts bytes of anything else") {
  struct Expected {
    test::StreamSpec stream;
    DType dtype;
    std::uint32_t head_dim;
    std::string element;
  };
  const test::BlockSpec f32{0, 24, 4};
  const test::BlockSpec bf16{30, 20, 2};
  const test::BlockSpec q8{8, 68, 34};
  for (const auto& [stream, dtype, head_dim, element] : {
           Expected{test::uniform_stream(3, 2, f32), DType::f32, 6, "f32"},
           {test::uniform_stream(3, 2, kF16), DType::f16, 6, "f16"},
           {test::uniform_stream(3, 2, bf16), DType::bf16, 10, "bf16"},
           {test::uniform_stream(3, 2, q8), DType::fp8e4m3, 68, "bytes of q8_0"},
           {{3, {kF16, kF16}, {bf16, bf16}}, DType::fp8e4m3, 20, "bytes of mixed rows"},
           {{3, {q8, q8}, {kF16, kF16}}, DType::fp8e4m3, 68, "bytes of mixed rows"},
           {{3, {kF16, {1, 40, 2}}, {kF16, kF16}}, DType::f16, 20, "f16"},
           {test::uniform_stream(0, 2, kF16), DType::fp8e4m3, 0, "bytes of no rows"},
       }) {
    const CutState cut({3, 0, {stream}});
    const std::uint32_t layers = stream.cells == 0 ? 0 : 2;
    CHECK(cut.geometry.meta() == CacheMeta{16, layers, 1, head_dim, dtype});
    CHECK(cut.geometry.element() == element);
  }
}

TEST_CASE("each stream is a sequence over its own pages") {
  const CutState cut({3,
                      0,
                      {test::uniform_stream(17, 1, kF16), test::uniform_stream(0, 1, kF16),
                       test::uniform_stream(32, 1, kF16), test::uniform_stream(1, 1, kF16)}});
  const auto seqs = cut.geometry.logical_seqs();
  REQUIRE(seqs.size() == 4);
  CHECK(seqs[0] == LogicalSeq{"stream-0", {{0}, {1}}, 1});
  CHECK(seqs[1] == LogicalSeq{"stream-1", {}, 0});
  CHECK(seqs[2] == LogicalSeq{"stream-2", {{2}, {3}}, 0});
  CHECK(seqs[3] == LogicalSeq{"stream-3", {{4}}, 1});
  CHECK(cut.pages.size() == 5);
}

TEST_CASE("a page is its rows layer by layer and zeros after them") {
  const CutState cut(test::uniform_state(18, 2, kF16));
  const RowBlock& second_layer = cut.state.layout.streams[0].k[1];
  const auto file_row = std::span<const std::byte>(cut.bytes).subspan(second_layer.offset + 17 * 12, 12);
  const auto page_row = std::span<const std::byte>(cut.pages[1].k).subspan(16 * 12 + 1 * 12, 12);
  CHECK(std::ranges::equal(file_row, page_row));
  CHECK(std::ranges::all_of(std::span(cut.pages[1].k).subspan((16 + 2) * 12),
                            [](std::byte b) { return b == std::byte{0}; }));
  CHECK(std::ranges::all_of(std::span(cut.pages[1].v).subspan(2 * 12, 14 * 12),
                            [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("a narrow row is filled up with zeros at its end") {
  const CutState cut({3, 0, {{2, {kF16, {1, 40, 2}}, {kF16, kF16}}}});
  const RowBlock& narrow = cut.state.layout.streams[0].k[0];
  const auto row = std::span(cut.pages[0].k).subspan(40, 40);
  CHECK(std::ranges::equal(row.first(12), std::span(cut.bytes).subspan(narrow.offset + 12, 12)));
  CHECK(std::ranges::all_of(row.subspan(12), [](std::byte b) { return b == std::byte{0}; }));
}

TEST_CASE("the same cells give the same pages whether V is transposed or not") {
  for (const test::BlockSpec& block : {test::BlockSpec{0, 24, 4}, kF16, {30, 20, 2}, {8, 68, 34}}) {
    for (const std::uint32_t cells : {1U, 16U, 33U, 1100U}) {
      CHECK(CutState(test::uniform_state(cells, 2, block, true)).pages ==
            CutState(test::uniform_state(cells, 2, block, false)).pages);
    }
  }
}

TEST_CASE("a growing session keeps its full pages") {
  for (const bool transposed : {false, true}) {
    const CutState small(test::uniform_state(1030, 2, kF16, transposed));
    const CutState large(test::uniform_state(2200, 2, kF16, transposed));
    const std::size_t full = 1030 / kStatePageTokens;
    CHECK(std::equal(small.pages.begin(), small.pages.begin() + full, large.pages.begin()));
    CHECK(small.pages[full] != large.pages[full]);
  }
}

TEST_CASE("pages can be read in any order") {
  const CutState cut(test::uniform_state(2200, 1, kF16, true));
  StatePager pager(cut.source, cut.state.layout, cut.geometry);
  for (const std::uint32_t ix : {137U, 0U, 64U, 63U, 65U, 1U, 136U}) CHECK(cut.read(pager, ix) == cut.pages[ix]);
}

TEST_CASE("a page that isn't there is refused, and so is writing") {
  const CutState cut(test::uniform_state(16, 1, kF16));
  StatePager pager(cut.source, cut.state.layout, cut.geometry);
  std::vector<std::byte> half(cut.geometry.page_bytes());
  CHECK_THROWS_AS(pager.read_page({1}, {half, half}), Error);
  CHECK_THROWS_AS(static_cast<void>(pager.allocate_pages(1)), Error);
  CHECK_THROWS_AS(pager.write_page({0}, {half, half}), Error);
  CHECK_THROWS_AS(pager.install_logical_seqs({}), Error);
}

TEST_CASE("a page above the limit is refused before memory is taken") {
  StateLayout layout;
  const RowBlock wide{GgmlType::f16, kMaxRowBytes, 0};
  layout.streams.push_back({1, false, {wide, wide}, {wide, wide}});
  try {
    const StateGeometry geometry(layout);
    FAIL("a page of " << geometry.page_bytes() << " bytes was taken");
  } catch (const Error& error) {
    CHECK(error.code() == Errc::too_large);
  }
}

}  // namespace
}  // namespace pfcache
