// A state file is refused, or its surroundings and pages make it again.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "engine/llama_state.hpp"
#include "engine/state_geometry.hpp"
#include "engine/state_pager.hpp"
#include "engine/state_writer.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

using namespace pfcache;

constexpr std::uint64_t kMaxPagesBytes = std::uint64_t{1} << 20;

void require(bool truth) {
  if (!truth) std::abort();
}

void put_together(const MemorySource& source, std::span<const std::byte> input, const ParsedState& state,
                  const StateGeometry& geometry) {
  std::vector<std::byte> file(input.size(), std::byte{0xee});
  const StateWriter writer(state.layout, geometry, [&](std::uint64_t offset, std::span<const std::byte> bytes) {
    require(bytes.size() <= file.size() && offset <= file.size() - bytes.size());
    std::ranges::copy(bytes, file.begin() + static_cast<std::ptrdiff_t>(offset));
  });
  writer.write_surroundings(state.surroundings);
  StatePager pager(source, state.layout, geometry);
  std::vector<std::byte> k(geometry.page_bytes());
  std::vector<std::byte> v(geometry.page_bytes());
  for (std::uint32_t ix = 0; ix < geometry.page_count(); ++ix) {
    pager.read_page({ix}, {k, v});
    writer.write_k(ix, k);
    const StateStream& stream = state.layout.streams[geometry.span_of(ix).stream];
    if (!stream.v_transposed) writer.write_v(ix, v);
    for (std::size_t layer = 0; stream.v_transposed && layer < stream.v.size(); ++layer) {
      writer.write_v_transposed(ix, layer, v);
    }
  }
  require(std::ranges::equal(file, input));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  const MemorySource source(input);
  try {
    const ParsedState state = parse_state(source, "input");
    require(parse_surroundings(state.surroundings, size, "surroundings") == state.layout);
    const StateGeometry geometry(state.layout);
    if (geometry.page_bytes() * geometry.page_count() <= kMaxPagesBytes) put_together(source, input, state, geometry);
  } catch (const Error&) {
    // Refused: as good as any answer.
  }
  try {
    static_cast<void>(parse_surroundings(input, std::uint64_t{size} * 2, "surroundings"));
  } catch (const Error&) {
  }
  return 0;
}
