#include "prompt/chunker.hpp"

#include <doctest/doctest.h>

#include <set>

#include "base/bytes.hpp"
#include "prompt/prompt_support.hpp"

namespace pfcache::test {
namespace {

std::vector<std::string> chunks_of(std::string_view bytes) {
  std::vector<std::string> chunks;
  while (!bytes.empty()) {
    chunks.emplace_back(bytes.substr(0, first_chunk_bytes(as_bytes(bytes))));
    bytes.remove_prefix(chunks.back().size());
  }
  return chunks;
}

}  // namespace

TEST_CASE("chunks keep to their bounds and are about 16 KiB") {
  const auto chunks = chunks_of(payload_of(std::size_t{16} << 20, 1));
  for (std::size_t i = 0; i + 1 < chunks.size(); ++i) {
    CHECK(chunks[i].size() > kMinChunkBytes);
    CHECK(chunks[i].size() <= kMaxChunkBytes);
  }
  const double average = static_cast<double>(16 << 20) / static_cast<double>(chunks.size());
  CHECK(average > 12 << 10);
  CHECK(average < 22 << 10);
}

TEST_CASE("bytes put in front move the cuts with what they cut") {
  const std::string bytes = payload_of(std::size_t{4} << 20, 2);
  const auto before = chunks_of(bytes);
  const auto after = chunks_of("some bytes in front" + bytes);
  const std::set<std::string> known(before.begin(), before.end());
  std::size_t shared = 0;
  for (const std::string& chunk : after) shared += known.count(chunk);
  CHECK(shared + 3 >= after.size());
}

TEST_CASE("the same bytes are cut where they were cut before") {
  // A change here makes payloads that are stored share nothing with new ones.
  CHECK(chunks_of(payload_of(200'000, 3)).front().size() == first_chunk_bytes(as_bytes(payload_of(200'000, 3))));
  CHECK(chunks_of(std::string(200'000, '\0')).front().size() <= kMaxChunkBytes);
  CHECK(chunks_of("x") == std::vector<std::string>{"x"});
}

}  // namespace pfcache::test
