#include "pfcache/synthetic_pager.hpp"

#include <doctest/doctest.h>

#include <bit>

#include "base/hex.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"

namespace pfcache::test {

TEST_CASE("page 0 of vector G1 has pf-cache's bytes") {
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(2, 0);
  const auto page = page_of(pager, PageIndex{0});
  const std::span<const std::byte> bytes(page);
  CHECK(to_hex(bytes.first(16)) == "41b9da035f494bb2c62b70aca75db0b5");
  CHECK(to_hex(bytes.subspan(128, 16)) == "ec3be7bba36067b923c9fe4edf674f22");
  CHECK(sha256(bytes.first(128)).hex() == "1abbcdc2428b15e3f34560d5b9af28ddfaddf9efe33e41fa460ae0c95973ce5c");
  CHECK(sha256(bytes.last(128)).hex() == "3eea28d5305f64197fa55aa2e8a62e035503fbec24143a49583542eb8b261564");
}

TEST_CASE("a filling whose size is no multiple of eight ends within a word") {
  std::vector<std::byte> whole(24);
  std::vector<std::byte> cut(18);
  fill_synthetic(42, whole);
  fill_synthetic(42, cut);
  CHECK(std::equal(cut.begin(), cut.end(), whole.begin()));
}

TEST_CASE("populating adds one half-full sequence over all pages") {
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(3, 0xABC);
  REQUIRE(pager.logical_seqs().size() == 1);
  CHECK(pager.logical_seqs()[0] ==
        LogicalSeq{"seq-seed-0000000000000abc", {PageIndex{0}, PageIndex{1}, PageIndex{2}}, 2});
}

TEST_CASE("KV-like data are bf16 values around 0, one for each word of the generator") {
  std::vector<std::byte> words(8);
  std::vector<std::byte> values(3);
  fill_synthetic(5, words);
  fill_kv_like(5, values);
  int sum = 0;
  for (const std::byte b : words) sum += std::to_integer<int>(b);
  const float expected = static_cast<float>(sum - 1020) / 128.0F;
  const std::uint32_t high = std::bit_cast<std::uint32_t>(expected) >> 16;
  CHECK(std::to_integer<std::uint32_t>(values[0]) == (high & 0xff));
  CHECK(std::to_integer<std::uint32_t>(values[1]) == (high >> 8));
  CHECK(values[2] == std::byte{0});
}

TEST_CASE("write_page_validates_length") {
  SyntheticCachePager pager(kSmall);
  const std::vector<std::byte> good(128);
  const std::vector<std::byte> bad(127);
  CHECK(failure_of([&] { pager.write_page(PageIndex{0}, {bad, good}); }).code == Errc::invalid_argument);
  CHECK(failure_of([&] { pager.write_page(PageIndex{0}, {good, bad}); }).code == Errc::invalid_argument);
  CHECK(pager.occupied_pages().empty());
  pager.write_page(PageIndex{0}, {good, good});
  CHECK(pager.occupied_pages() == std::vector{PageIndex{0}});
}

TEST_CASE("reading needs room of a page's size and a page that is there") {
  SyntheticCachePager pager(kSmall);
  pager.populate_synthetic(1, 0);
  std::vector<std::byte> good(128);
  std::vector<std::byte> bad(129);
  CHECK(failure_of([&] { pager.read_page(PageIndex{0}, {good, bad}); }).code == Errc::invalid_argument);
  CHECK(failure_of([&] { pager.read_page(PageIndex{1}, {good, good}); }).code == Errc::not_found);
}

TEST_CASE("pages are granted lowest first, around those in use, and are in use then") {
  SyntheticCachePager pager(kSmall);
  const std::vector<std::byte> bytes(128);
  pager.write_page(PageIndex{1}, {bytes, bytes});
  pager.write_page(PageIndex{2}, {bytes, bytes});
  CHECK(pager.allocate_pages(2) == std::vector{PageIndex{0}, PageIndex{3}});
  CHECK(pager.allocate_pages(1) == std::vector{PageIndex{4}});
  CHECK(pager.occupied_pages().size() == 5);
}

}  // namespace pfcache::test
