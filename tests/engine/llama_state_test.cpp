#include "engine/llama_state.hpp"

#include <doctest/doctest.h>

#include <filesystem>

#include "base/bytes.hpp"
#include "engine/state_builder.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

using test::BuiltState;

constexpr test::BlockSpec kF16{1, 12, 2};

ParsedState parse(std::span<const std::byte> bytes) { return parse_state(MemorySource(bytes), "state.bin"); }

// The error that `bytes` are refused with; a test failure when they are not.
Error refusal(std::span<const std::byte> bytes) {
  try {
    static_cast<void>(parse(bytes));
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was refused");
  return {Errc::invalid_argument, ""};
}

BuiltState small_state() {
  return test::build_state(
      {3,
       2,
       {test::uniform_stream(3, 2, kF16), test::uniform_stream(0, 2, kF16), test::uniform_stream(2, 2, kF16, true)}});
}

void put(BuiltState& state, const test::BuiltField& field, std::uint64_t value) {
  const auto at = std::span(state.bytes).subspan(field.offset, field.size_bytes);
  if (field.size_bytes == 4) {
    store_le(static_cast<std::uint32_t>(value), at);
  } else {
    store_le(value, at);
  }
}

std::uint64_t get(const BuiltState& state, const test::BuiltField& field) {
  const auto at = std::span<const std::byte>(state.bytes).subspan(field.offset, field.size_bytes);
  return field.size_bytes == 4 ? load_le<std::uint32_t>(at) : load_le<std::uint64_t>(at);
}

TEST_CASE("the layout of a real session is what the engine wrote") {
  const auto bytes = test::read_file(std::filesystem::path(TEST_DATA_DIR) / "llama-session-399.bin");
  const ParsedState state = parse(bytes);
  REQUIRE(state.layout.streams.size() == 1);
  const StateStream& stream = state.layout.streams[0];
  CHECK(stream.cells == 399);
  CHECK_FALSE(stream.v_transposed);
  REQUIRE(stream.k.size() == 4);
  REQUIRE(stream.v.size() == 4);
  for (const RowBlock& block : stream.v) {
    CHECK(block.type == GgmlType::f16);
    CHECK(block.row_bytes == 256);
  }
  CHECK(state.layout.file_bytes == bytes.size());
  CHECK(state.surroundings.size() == bytes.size() - std::size_t{399} * 256 * 8);
}

TEST_CASE("the surroundings alone give the layout again") {
  for (const auto& spec : test::assorted_states()) {
    const BuiltState built = test::build_state(spec);
    const ParsedState state = parse(built.bytes);
    CHECK(parse_surroundings(state.surroundings, built.bytes.size(), "surroundings") == state.layout);
  }
}

TEST_CASE("surroundings of a file of another size are refused") {
  const ParsedState state = parse(small_state().bytes);
  for (const std::uint64_t size : {state.layout.file_bytes - 1, state.layout.file_bytes + 1, std::uint64_t{0}}) {
    CHECK_THROWS_AS(static_cast<void>(parse_surroundings(state.surroundings, size, "surroundings")), Error);
  }
  auto longer = state.surroundings;
  longer.push_back(std::byte{0});
  CHECK_THROWS_AS(static_cast<void>(parse_surroundings(longer, state.layout.file_bytes, "surroundings")), Error);
}

TEST_CASE("a file cut off anywhere is refused as malformed") {
  const BuiltState built = small_state();
  CHECK_NOTHROW(static_cast<void>(parse(built.bytes)));
  for (std::size_t size = 0; size < built.bytes.size(); ++size) {
    CAPTURE(size);
    CHECK(refusal(std::span(built.bytes).first(size)).code() == Errc::malformed);
  }
}

TEST_CASE("bytes after the end are refused") {
  BuiltState built = small_state();
  built.bytes.push_back(std::byte{0});
  const Error error = refusal(built.bytes);
  CHECK(error.code() == Errc::malformed);
  CHECK(std::string(error.what()).find("expected no more bytes, found 1") != std::string::npos);
}

TEST_CASE("a length that is far too large is refused as malformed, whichever it is") {
  const BuiltState built = small_state();
  for (const auto& field : built.fields) {
    if (field.name == "version" || field.name == "type") continue;
    for (const std::uint64_t value : {std::uint64_t{0x7fffffff}, std::uint64_t{0xffffffff}, ~std::uint64_t{0}}) {
      BuiltState damaged = built;
      put(damaged, field, value);
      CAPTURE(field.name);
      CAPTURE(field.offset);
      CHECK(refusal(damaged.bytes).code() == Errc::malformed);
    }
  }
}

TEST_CASE("a length that is off by one is refused") {
  const BuiltState built = small_state();
  for (const auto& field : built.fields) {
    // A cell with one sequence more may be read as another file that is just as good: there is no checksum.
    if (field.name == "version" || field.name == "type" || field.name == "seqs") continue;
    for (const std::uint64_t value : {get(built, field) + 1, get(built, field) - 1}) {
      BuiltState damaged = built;
      put(damaged, field, value);
      CAPTURE(field.name);
      CAPTURE(field.offset);
      // What is read after a wrong length may look like a type that isn't known.
      const Error error = refusal(damaged.bytes);
      CHECK((error.code() == Errc::malformed || error.code() == Errc::unsupported));
    }
  }
}

TEST_CASE("an unknown version or type is unsupported and named") {
  const BuiltState built = small_state();
  for (const auto& field : built.fields) {
    if (field.name != "version" && field.name != "type") continue;
    for (const std::uint64_t value : {std::uint64_t{4}, std::uint64_t{0xffffffff}}) {
      BuiltState other = built;
      put(other, field, value);
      const Error error = refusal(other.bytes);
      CHECK(error.code() == Errc::unsupported);
      CHECK(std::string(error.what()).find(field.name + ": expected") != std::string::npos);
      CHECK(std::string(error.what()).find("at byte " + std::to_string(field.offset) + ":") != std::string::npos);
    }
  }
}

TEST_CASE("streams with different numbers of layers are unsupported") {
  const auto built = test::build_state({3, 0, {test::uniform_stream(3, 2, kF16), test::uniform_stream(3, 1, kF16)}});
  CHECK(refusal(built.bytes).code() == Errc::unsupported);
}

TEST_CASE("limits are checked before what they limit is read") {
  SUBCASE("streams") {
    const std::vector streams(kMaxStateStreams + 1, test::uniform_stream(0, 0, kF16));
    CHECK(refusal(test::build_state({3, 0, streams}).bytes).code() == Errc::malformed);
  }
  SUBCASE("sequences of a cell") {
    test::StateSpec spec = test::uniform_state(1, 1, kF16);
    spec.streams[0].seqs_per_cell = kMaxSeqIdsPerCell;
    CHECK_NOTHROW(static_cast<void>(parse(test::build_state(spec).bytes)));
    spec.streams[0].seqs_per_cell += 1;
    CHECK(refusal(test::build_state(spec).bytes).code() == Errc::malformed);
  }
  SUBCASE("layers") {
    CHECK(refusal(test::build_state(test::uniform_state(1, kMaxStateLayers + 1, kF16)).bytes).code() ==
          Errc::malformed);
  }
}

TEST_CASE("a row that isn't a whole number of units of its type is refused") {
  for (const test::BlockSpec& block : {test::BlockSpec{0, 6, 4}, {1, 7, 2}, {30, 7, 2}, {8, 32, 34}}) {
    CHECK(refusal(test::build_state(test::uniform_state(1, 1, block)).bytes).code() == Errc::malformed);
  }
}

TEST_CASE("another file is refused at its first byte") {
  const std::string text = "GGUF and then something else";
  const Error error = refusal(as_bytes(text));
  CHECK(error.code() == Errc::malformed);
  CHECK(std::string(error.what()).starts_with("state.bin: at byte 0: magic: expected 'qsgg', found "));
}

}  // namespace
}  // namespace pfcache
