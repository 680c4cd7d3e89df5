#include "engine/state_builder.hpp"

#include <doctest/doctest.h>

#include <fstream>
#include <iterator>

#include "base/bytes.hpp"

namespace pfcache::test {
namespace {

constexpr BlockSpec kF32{0, 24, 4};
constexpr BlockSpec kF16{1, 12, 2};
constexpr BlockSpec kBf16{30, 20, 2};
constexpr BlockSpec kQ8{8, 68, 34};

struct CellPlace {
  std::uint64_t stream;
  std::uint64_t layer;
  bool is_v;
  std::uint64_t cell;
};

std::byte row_byte(const CellPlace& place, std::uint64_t at) {
  std::uint64_t x =
      place.stream * 1000003 + place.layer * 10007 + (place.is_v ? 7 : 3) + place.cell * 7919 + at * 104729;
  x ^= x >> 29;
  x *= 0xBF58476D1CE4E5B9;
  return static_cast<std::byte>(x >> 40);
}

class Builder {
 public:
  explicit Builder(BuiltState& built) : built_(built) {}

  void build(const StateSpec& spec) {
    for (const char c : std::string("qsgg")) built_.bytes.push_back(static_cast<std::byte>(c));
    u32("version", spec.version);
    u32("tokens", spec.tokens);
    for (std::uint32_t i = 0; i < spec.tokens; ++i) append_le(built_.bytes, 1000 + i * 31);
    u32("streams", static_cast<std::uint32_t>(spec.streams.size()));
    for (std::size_t i = 0; i < spec.streams.size(); ++i) stream(i, spec.streams[i]);
  }

 private:
  void u32(const std::string& name, std::uint32_t value) {
    built_.fields.push_back({name, built_.bytes.size(), 4});
    append_le(built_.bytes, value);
  }

  void u64(const std::string& name, std::uint64_t value) {
    built_.fields.push_back({name, built_.bytes.size(), 8});
    append_le(built_.bytes, value);
  }

  void stream(std::size_t number, const StreamSpec& spec) {
    u32("cells", spec.cells);
    if (spec.cells == 0) return;
    for (std::uint32_t cell = 0; cell < spec.cells; ++cell) {
      append_le(built_.bytes, cell);
      u32("seqs", spec.seqs_per_cell);
      for (std::uint32_t seq = 0; seq < spec.seqs_per_cell; ++seq) append_le(built_.bytes, seq);
    }
    u32("v_transposed", spec.v_transposed ? 1 : 0);
    u32("layers", static_cast<std::uint32_t>(spec.k.size()));
    for (std::size_t layer = 0; layer < spec.k.size(); ++layer)
      rows(spec.k[layer], spec.cells, {number, layer, false, 0});
    for (std::size_t layer = 0; layer < spec.v.size(); ++layer) {
      const CellPlace place{number, layer, true, 0};
      if (spec.v_transposed) {
        transposed(spec.v[layer], spec.cells, place);
      } else {
        rows(spec.v[layer], spec.cells, place);
      }
    }
  }

  void rows(const BlockSpec& block, std::uint32_t cells, CellPlace place) {
    u32("type", block.type);
    u64("row_bytes", block.row_bytes);
    for (place.cell = 0; place.cell < cells; ++place.cell) {
      for (std::uint64_t at = 0; at < block.row_bytes; ++at) built_.bytes.push_back(row_byte(place, at));
    }
  }

  void transposed(const BlockSpec& block, std::uint32_t cells, CellPlace place) {
    u32("type", block.type);
    u32("element_bytes", block.element_bytes);
    u32("n_embd", static_cast<std::uint32_t>(block.row_bytes / block.element_bytes));
    for (std::uint64_t start = 0; start < block.row_bytes; start += block.element_bytes) {
      for (place.cell = 0; place.cell < cells; ++place.cell) {
        for (std::uint64_t at = 0; at < block.element_bytes; ++at) {
          built_.bytes.push_back(row_byte(place, start + at));
        }
      }
    }
  }

  BuiltState& built_;
};

}  // namespace

BuiltState build_state(const StateSpec& spec) {
  BuiltState built;
  Builder(built).build(spec);
  return built;
}

StreamSpec uniform_stream(std::uint32_t cells, std::uint32_t layers, const BlockSpec& block, bool v_transposed) {
  return {cells, std::vector(layers, block), std::vector(layers, block), v_transposed, 1};
}

StateSpec uniform_state(std::uint32_t cells, std::uint32_t layers, const BlockSpec& block, bool v_transposed) {
  return {3, cells, {uniform_stream(cells, layers, block, v_transposed)}};
}

std::vector<StateSpec> assorted_states() {
  std::vector<StateSpec> specs;
  for (const std::uint32_t cells : {0U, 1U, 15U, 16U, 17U, 33U}) {
    for (const BlockSpec& block : {kF32, kF16, kBf16, kQ8}) {
      specs.push_back(uniform_state(cells, 2, block, false));
      specs.push_back(uniform_state(cells, 2, block, true));
      specs.back().version = 2;
    }
  }
  specs.push_back({3, 0, {}});                                  // nothing at all
  specs.push_back({2, 0, {uniform_stream(5, 1, kF16)}});        // no tokens
  specs.push_back({3, 7, {uniform_stream(20, 0, kF16)}});       // no layers
  specs.push_back({3, 7, {uniform_stream(20, 3, {1, 0, 2})}});  // rows of no bytes
  specs.push_back({3, 7, {uniform_stream(20, 3, {1, 0, 2}, true)}});
  specs.push_back({3, 7, {{20, {kF16, kF16}, {{1, 0, 2}, kF16}, true, 1}}});
  specs.push_back({3, 9, {uniform_stream(17, 2, kF16), uniform_stream(0, 2, kF16), uniform_stream(33, 2, kF16, true)}});
  specs.push_back({3, 9, {{40, {kF16, kQ8}, {kF32, kBf16}, false, 3}}});  // mixed types and widths
  specs.push_back({3, 9, {{40, {kQ8, kF16}, {kF32, kBf16}, true, 0}}});
  specs.push_back(
      {3, 9, {{18, {{1, 12, 2}, {1, 40, 2}}, {{1, 6, 2}, {1, 20, 2}}, true, 2}}});  // one type, mixed widths
  specs.push_back({3, 1, {uniform_stream(1200, 1, kBf16, true), uniform_stream(1030, 1, kBf16, true)}});  // many strips
  return specs;
}

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  file.close();
  REQUIRE(file.good());
}

std::vector<std::byte> read_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const auto bytes = as_bytes(text);
  return {bytes.begin(), bytes.end()};
}

}  // namespace pfcache::test
