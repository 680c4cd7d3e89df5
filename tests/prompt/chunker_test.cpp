#include "prompt/chunker.hpp"

#include <doctest/doctest.h>

#include <algorithm>
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

TEST_CASE("a tensor behind another that grew is cut as it was") {
  const std::string header("\x01\0\0\0\0\x01\0\0\0\0\0\0", 12);  // as llama.cpp's: type 1, rows of 256 bytes
  const std::string first = payload_of(300'000, 4);
  const std::string second = payload_of(300'000, 5);
  const auto before = chunks_of(header + first.substr(0, 200'000) + header + second);
  const auto after = chunks_of(header + first + header + second);
  const std::set<std::string> known(before.begin(), before.end());
  std::size_t fresh_bytes = 0;
  for (const std::string& chunk : after) fresh_bytes += known.contains(chunk) ? 0 : chunk.size();
  CHECK(fresh_bytes >= 100'000);
  CHECK(fresh_bytes < 100'000 + 2 * kAverageChunkBytes);
  CHECK(std::ranges::any_of(after, [&](const std::string& it) { return second.starts_with(it); }));
}

TEST_CASE("numbers that stand close together are no reason to cut") {
  std::string bytes = payload_of(std::size_t{1} << 20, 6);
  for (std::size_t at = 0; at < bytes.size(); at += 1000) bytes.replace(at, 8, std::string("\x07\0\0\0\0\0\0\0", 8));
  CHECK(chunks_of(bytes).size() < (1 << 20) / (12 << 10));
  CHECK(chunks_of(std::string(1 << 20, '\0')).size() == (1 << 20) / kMaxChunkBytes);
}

TEST_CASE("the same bytes are cut where they were cut before") {
  // A change here makes payloads that are stored share nothing with new ones.
  std::string bytes = payload_of(80'000, 3);
  bytes.replace(50'000, 6, std::string(6, '\0'));
  std::vector<std::size_t> sizes;
  for (const std::string& chunk : chunks_of(bytes)) sizes.push_back(chunk.size());
  CHECK(sizes == std::vector<std::size_t>{15'436, 19'339, 15'231, 6'941, 16'498, 6'555});
  CHECK(chunks_of("x") == std::vector<std::string>{"x"});
}

}  // namespace pfcache::test
