// Makes llama.cpp sequence-state files of any shape, byte by byte and independently of the parser under test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace pfcache::test {

struct BlockSpec {
  std::uint32_t type = 1;
  std::uint64_t row_bytes = 0;
  std::uint32_t element_bytes = 2;  ///< written in a transposed block
};

struct StreamSpec {
  std::uint32_t cells = 0;
  std::vector<BlockSpec> k;
  std::vector<BlockSpec> v;
  bool v_transposed = false;
  std::uint32_t seqs_per_cell = 1;
};

struct StateSpec {
  std::uint32_t version = 3;
  std::uint32_t tokens = 0;
  std::vector<StreamSpec> streams;
};

/// An integer of the file that says how much follows, or what it is.
struct BuiltField {
  std::string name;
  std::size_t offset = 0;
  std::size_t size_bytes = 4;
};

struct BuiltState {
  std::vector<std::byte> bytes;
  std::vector<BuiltField> fields;
};

/// The same cell of the same layer has the same bytes in every file that is wide enough.
[[nodiscard]] BuiltState build_state(const StateSpec& spec);

/// One stream of `layers` equal layers.
[[nodiscard]] StreamSpec uniform_stream(std::uint32_t cells, std::uint32_t layers, const BlockSpec& block,
                                        bool v_transposed = false);

/// A file of one such stream, with as many tokens as cells.
[[nodiscard]] StateSpec uniform_state(std::uint32_t cells, std::uint32_t layers, const BlockSpec& block,
                                      bool v_transposed = false);

/// Shapes that between them have every type, both orders of V, all interesting numbers of cells, several streams and
/// rows of different widths.
[[nodiscard]] std::vector<StateSpec> assorted_states();

void write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
[[nodiscard]] std::vector<std::byte> read_file(const std::filesystem::path& path);

}  // namespace pfcache::test
