#include "engine/llama_state.hpp"

#include <fmt/format.h>

#include <optional>

#include "base/bytes.hpp"
#include "engine/field_walker.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kOldestVersion = 2;
constexpr std::uint32_t kNewestVersion = 3;
constexpr std::uint64_t kMinCellBytes = 8;    // pos and n_seq
constexpr std::uint64_t kMinLayerBytes = 24;  // type and row size, of K and of V

class StateParser {
 public:
  explicit StateParser(FieldWalker& walker) : walker_(walker) {}

  std::vector<StateStream> parse() {
    parse_header();
    const std::uint32_t n_stream = walker_.count("number of streams", kMaxStateStreams, 4);
    std::vector<StateStream> streams(n_stream);
    for (StateStream& stream : streams) parse_stream(stream);
    walker_.expect_end();
    return streams;
  }

 private:
  void parse_header() {
    const std::uint32_t magic = walker_.u32("magic");
    if (magic != load_le<std::uint32_t>(as_bytes(kLlamaStateMagic))) {
      walker_.refuse(Errc::malformed, "magic", fmt::format("'{}'", kLlamaStateMagic), fmt::format("{:#010x}", magic));
    }
    const std::uint32_t version = walker_.u32("version");
    if (version < kOldestVersion || version > kNewestVersion) {
      walker_.refuse(Errc::unsupported, "version", fmt::format("{} or {}", kOldestVersion, kNewestVersion),
                     std::to_string(version));
    }
    const std::uint32_t tokens = walker_.count("number of tokens", kMaxStateTokens, 4);
    walker_.pass(std::uint64_t{tokens} * 4, "tokens");
  }

  void parse_stream(StateStream& stream) {
    stream.cells = walker_.count("number of cells", kMaxStateCells - cells_, kMinCellBytes);
    cells_ += stream.cells;
    if (stream.cells == 0) return;
    for (std::uint32_t i = 0; i < stream.cells; ++i) {
      walker_.pass(4, "position of a cell");
      const std::uint32_t ids = walker_.count("number of sequences of a cell", kMaxSeqIdsPerCell, 4);
      walker_.pass(std::uint64_t{ids} * 4, "sequences of a cell");
    }
    const std::uint32_t transposed = walker_.u32("v_transposed");
    if (transposed > 1) walker_.refuse(Errc::malformed, "v_transposed", "0 or 1", std::to_string(transposed));
    stream.v_transposed = transposed == 1;
    parse_layers(stream);
  }

  void parse_layers(StateStream& stream) {
    const std::uint32_t n_layer = walker_.count("number of layers", kMaxStateLayers, kMinLayerBytes);
    if (n_layer_.value_or(n_layer) != n_layer) {
      walker_.refuse(Errc::unsupported, "number of layers", fmt::format("{} as in the streams before", *n_layer_),
                     std::to_string(n_layer));
    }
    n_layer_ = n_layer;
    stream.k.reserve(n_layer);
    stream.v.reserve(n_layer);
    for (std::uint32_t i = 0; i < n_layer; ++i) stream.k.push_back(parse_rows(stream.cells, "K"));
    for (std::uint32_t i = 0; i < n_layer; ++i) {
      stream.v.push_back(stream.v_transposed ? parse_transposed(stream.cells) : parse_rows(stream.cells, "V"));
    }
  }

  GgmlType parse_type() {
    const std::uint32_t number = walker_.u32("type");
    for (const GgmlType type : {GgmlType::f32, GgmlType::f16, GgmlType::q8_0, GgmlType::bf16}) {
      if (number == static_cast<std::uint32_t>(type)) return type;
    }
    walker_.refuse(Errc::unsupported, "type", "0 (f32), 1 (f16), 8 (q8_0) or 30 (bf16)", std::to_string(number));
  }

  RowBlock parse_rows(std::uint32_t cells, std::string_view what) {
    RowBlock block;
    block.type = parse_type();
    block.row_bytes = walker_.u64("row size");
    check_row_bytes(block, "row size");
    block.offset = walker_.pass_rows(cells * block.row_bytes, fmt::format("{} rows", what));
    return block;
  }

  RowBlock parse_transposed(std::uint32_t cells) {
    RowBlock block;
    block.type = parse_type();
    const std::uint32_t element_bytes = walker_.u32("element size");
    const std::uint32_t unit_bytes = unit_bytes_of(block.type);
    if (element_bytes != unit_bytes) {
      walker_.refuse(Errc::malformed, "element size", fmt::format("{} for {}", unit_bytes, name_of(block.type)),
                     std::to_string(element_bytes));
    }
    block.row_bytes = std::uint64_t{walker_.u32("n_embd")} * element_bytes;
    check_row_bytes(block, "n_embd");
    block.offset = walker_.pass_rows(cells * block.row_bytes, "V elements");
    return block;
  }

  // Also what keeps the products of row size and number of cells far from overflow.
  void check_row_bytes(const RowBlock& block, std::string_view field) {
    if (block.row_bytes > kMaxRowBytes) {
      walker_.refuse(Errc::malformed, field, fmt::format("a row of at most {} bytes", kMaxRowBytes),
                     std::to_string(block.row_bytes));
    }
    if (block.row_bytes % unit_bytes_of(block.type) != 0) {
      walker_.refuse(Errc::malformed, field,
                     fmt::format("a multiple of {} for {}", unit_bytes_of(block.type), name_of(block.type)),
                     std::to_string(block.row_bytes));
    }
  }

  FieldWalker& walker_;
  std::uint32_t cells_ = 0;  // of the streams so far
  std::optional<std::uint32_t> n_layer_;
};

}  // namespace

std::string_view name_of(GgmlType type) noexcept {
  switch (type) {
    case GgmlType::f32: return "f32";
    case GgmlType::f16: return "f16";
    case GgmlType::q8_0: return "q8_0";
    case GgmlType::bf16: return "bf16";
  }
  return "";
}

std::uint32_t unit_bytes_of(GgmlType type) noexcept {
  switch (type) {
    case GgmlType::f32: return 4;
    case GgmlType::f16: return 2;
    case GgmlType::q8_0: return 34;  // 32 values of a byte and their scale
    case GgmlType::bf16: return 2;
  }
  return 1;
}

ParsedState parse_state(const ByteSource& file, std::string_view path) {
  FieldWalker walker(file, FieldWalker::Source::whole_file, file.size_bytes(), path);
  ParsedState parsed;
  parsed.layout.file_bytes = file.size_bytes();
  parsed.layout.streams = StateParser(walker).parse();
  parsed.surroundings = walker.take_surroundings();
  return parsed;
}

StateLayout parse_surroundings(std::span<const std::byte> surroundings, std::uint64_t file_bytes,
                               std::string_view path) {
  const MemorySource source(surroundings);
  FieldWalker walker(source, FieldWalker::Source::surroundings, file_bytes, path);
  StateLayout layout;
  layout.file_bytes = file_bytes;
  layout.streams = StateParser(walker).parse();
  return layout;
}

}  // namespace pfcache
