// The layout of a llama.cpp sequence-state file, versions 2 and 3 (llama_state_seq_save_file):
//
//   "qsgg" | u32 version | u32 n | u32 token × n | u32 n_stream | stream × n_stream
//   stream: u32 cells | nothing more when that is 0 |
//           per cell {u32 pos, u32 n_seq, u32 seq_id × n_seq} | u32 v_transposed | u32 n_layer |
//           per layer {u32 type, u64 row_bytes, K rows: cells × row_bytes} |
//           per layer, not transposed {u32 type, u64 row_bytes, V rows: cells × row_bytes}
//                      or transposed  {u32 type, u32 element_bytes, u32 n_embd, n_embd × cells elements}
//
// The rows of K and V become pages. All the rest is the file's *surroundings*, kept as one blob from which the
// layout can be found again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/byte_source.hpp"

namespace pfcache {

inline constexpr std::string_view kLlamaStateMagic = "qsgg";

/// Limits checked before memory is taken or a size is computed.
inline constexpr std::uint32_t kMaxStateTokens = std::uint32_t{1} << 24;
inline constexpr std::uint32_t kMaxStateCells = std::uint32_t{1} << 24;  ///< over all streams
inline constexpr std::uint32_t kMaxStateStreams = 1024;
inline constexpr std::uint32_t kMaxStateLayers = 4096;
inline constexpr std::uint32_t kMaxSeqIdsPerCell = 1024;
inline constexpr std::uint64_t kMaxRowBytes = std::uint64_t{64} << 20;

/// ggml's numbers of the row types we know.
enum class GgmlType : std::uint32_t { f32 = 0, f16 = 1, q8_0 = 8, bf16 = 30 };

[[nodiscard]] std::string_view name_of(GgmlType type) noexcept;

/// Bytes of the smallest piece of a row: an element, or a block of q8_0.
[[nodiscard]] std::uint32_t unit_bytes_of(GgmlType type) noexcept;

/// K or V of one layer in one stream.
struct RowBlock {
  GgmlType type = GgmlType::f16;
  std::uint64_t row_bytes = 0;  ///< of one cell, transposed or not
  std::uint64_t offset = 0;     ///< of the block's bytes in the file
  friend bool operator==(const RowBlock&, const RowBlock&) = default;
};

struct StateStream {
  std::uint32_t cells = 0;
  bool v_transposed = false;
  std::vector<RowBlock> k;  ///< one a layer; empty without cells
  std::vector<RowBlock> v;
  friend bool operator==(const StateStream&, const StateStream&) = default;
};

struct StateLayout {
  std::vector<StateStream> streams;
  std::uint64_t file_bytes = 0;
  friend bool operator==(const StateLayout&, const StateLayout&) = default;
};

struct ParsedState {
  StateLayout layout;
  std::vector<std::byte> surroundings;
};

/// Reads the layout of a whole file. `path` is what messages call it.
/// Throws: Errc::malformed saying at which byte what was expected and found; Errc::unsupported for a version or a
/// type that isn't known, or streams with different numbers of layers; as ByteSource::read_at.
[[nodiscard]] ParsedState parse_state(const ByteSource& file, std::string_view path);

/// Finds the layout of a file of `file_bytes` again from its surroundings. Throws: as parse_state.
[[nodiscard]] StateLayout parse_surroundings(std::span<const std::byte> surroundings, std::uint64_t file_bytes,
                                             std::string_view path);

}  // namespace pfcache
