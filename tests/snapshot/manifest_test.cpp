#include "pfcache/manifest.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "base/bytes.hpp"
#include "pfcache/sha256.hpp"
#include "snapshot/snapshot_support.hpp"

namespace pfcache::test {
namespace {

Digest digest_of(std::string_view text) { return sha256(as_bytes(text)); }

PageManifest two_pages() {
  PageManifest manifest;
  manifest.meta = kSmall;
  manifest.pages = {{PageIndex{0}, digest_of("k0"), digest_of("v0")}, {PageIndex{1}, digest_of("k1"), digest_of("v1")}};
  manifest.logical_seqs = {{"a", {PageIndex{0}, PageIndex{1}}, 2}};
  return manifest;
}

std::string random_text(std::mt19937_64& random) {
  static const std::vector<std::string> kPieces = {"a",    "Z",    "/", "\"", "\\",         "\n", "\x01",
                                                   "\x1f", "\x7f", "é", "漢", "\U0001F600", " "};
  std::string text;
  for (std::size_t n = random() % 8; n > 0; --n) text += kPieces[random() % kPieces.size()];
  return text;
}

PageManifest random_manifest(std::mt19937_64& random) {
  const auto small = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
  static constexpr DType kAll[] = {DType::bf16, DType::f16, DType::f32, DType::fp8e4m3};
  PageManifest manifest;
  manifest.meta = {small(64), small(8), small(8), small(128), kAll[small(4)]};
  for (std::uint32_t n = small(20); n > 0; --n) {
    const std::string seed = std::to_string(random());
    manifest.pages.push_back({PageIndex{static_cast<std::uint32_t>(random())}, digest_of(seed), digest_of(seed + "v")});
  }
  for (std::uint32_t n = small(5); n > 0; --n) {
    LogicalSeq& seq = manifest.logical_seqs.emplace_back();
    seq.id = random_text(random);
    seq.fill_in_last_page = static_cast<std::uint32_t>(random());
    for (std::uint32_t m = small(6); m > 0; --m)
      seq.page_ixs.push_back(PageIndex{static_cast<std::uint32_t>(random())});
  }
  return manifest;
}

}  // namespace

TEST_CASE("page_bytes_matches_spec: layers x tokens x heads x head_dim x element") {
  CHECK(kSmall.page_bytes() == 128);
  CHECK(CacheMeta{16, 32, 8, 128, DType::bf16}.page_bytes() == 1048576);
  CHECK(CacheMeta{3, 1, 1, 3, DType::f16}.page_bytes() == 18);
  CHECK(CacheMeta{3, 1, 1, 3, DType::f32}.page_bytes() == 36);
  CHECK(CacheMeta{3, 1, 1, 3, DType::fp8e4m3}.page_bytes() == 9);
  CHECK(CacheMeta{16, 0, 0, 0, DType::bf16}.page_bytes() == 0);
}

TEST_CASE("a page's size is computed without overflow") {
  constexpr std::uint32_t kMax = 0xffffffff;
  CHECK(CacheMeta{kMax, kMax, kMax, 0, DType::f32}.page_bytes() == 0);
  CHECK(failure_of([] {
          std::ignore = CacheMeta{kMax, kMax, kMax, kMax, DType::f32}.page_bytes();
        }).code == Errc::too_large);
  // 2^64 exactly, which wraps to nothing.
  CHECK(failure_of([] {
          std::ignore = CacheMeta{1U << 31, 1U << 31, 1, 1, DType::f32}.page_bytes();
        }).code == Errc::too_large);
  CHECK(CacheMeta{1U << 29, 1, 1, 1, DType::bf16}.page_bytes() == kMaxPageBytes);
  CHECK(failure_of([] {
          std::ignore = CacheMeta{(1U << 29) + 1, 1, 1, 1, DType::bf16}.page_bytes();
        }).code == Errc::too_large);
}

TEST_CASE("canonical bytes are compact, in pf-cache's key order") {
  PageManifest manifest;
  manifest.meta = {16, 0, 0, 0, DType::bf16};
  CHECK(
      manifest.to_json() ==
      R"({"layout":"paged-batchinvariant-v1","page_size_tokens":16,"n_layers":0,"n_heads":0,"head_dim":0,"dtype":"bf16","pages":[],"logical_seqs":[]})");
}

TEST_CASE("the manifests that pf-cache wrote come out byte for byte after reading") {
  for (const char* const name : {"manifest-g1.json", "manifest-g2.json"}) {
    const std::string json = read_text(std::filesystem::path(TEST_DATA_DIR) / name);
    const PageManifest manifest = PageManifest::parse(json);
    CHECK(manifest.to_json() == json);
    CHECK(manifest.problems().empty());
  }
}

TEST_CASE("strings are escaped as pf-cache escapes them") {
  PageManifest manifest;
  manifest.logical_seqs = {{"\"\\\b\f\n\r\t\x01\x1f\x7f/é漢", {}, 0}};
  const std::string json = manifest.to_json();
  CHECK(json.find("\"id\":\"\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7f/é漢\"") != std::string::npos);
  CHECK(PageManifest::parse(json) == manifest);
}

TEST_CASE("canonicalize_makes_digest_order_invariant: pages by ix, sequences by the bytes of their id") {
  PageManifest manifest = two_pages();
  manifest.logical_seqs = {{"a", {PageIndex{0}}, 1}, {"ab", {PageIndex{1}}, 2}, {"é", {}, 0}};
  PageManifest shuffled = manifest;
  std::reverse(shuffled.pages.begin(), shuffled.pages.end());
  std::reverse(shuffled.logical_seqs.begin(), shuffled.logical_seqs.end());
  CHECK(shuffled != manifest);
  CHECK(shuffled.to_json() == manifest.to_json());
  shuffled.canonicalize();
  CHECK(shuffled == manifest);
}

TEST_CASE("canonical order is stable for equal keys") {
  PageManifest manifest = two_pages();
  manifest.pages = {{PageIndex{5}, digest_of("first"), digest_of("v")},
                    {PageIndex{1}, digest_of("k"), digest_of("v")},
                    {PageIndex{5}, digest_of("second"), digest_of("v")}};
  manifest.canonicalize();
  CHECK(manifest.pages[0].ix == PageIndex{1});
  CHECK(manifest.pages[1].k == digest_of("first"));
  CHECK(manifest.pages[2].k == digest_of("second"));
}

TEST_CASE("of pages with one ix the last listed counts") {
  PageManifest manifest = two_pages();
  manifest.pages = {{PageIndex{5}, digest_of("first"), digest_of("v")},
                    {PageIndex{1}, digest_of("k"), digest_of("v")},
                    {PageIndex{5}, digest_of("second"), digest_of("v")}};
  const auto pages = manifest.effective_pages();
  REQUIRE(pages.size() == 2);
  CHECK(pages[0].ix == PageIndex{1});
  CHECK(pages[1] == PageEntry{PageIndex{5}, digest_of("second"), digest_of("v")});
}

TEST_CASE("problems are named: a repeated ix, an absent page, too many tokens") {
  PageManifest manifest = two_pages();
  CHECK(manifest.problems().empty());
  manifest.logical_seqs[0].fill_in_last_page = kSmall.page_size_tokens;
  CHECK(manifest.problems().empty());
  manifest.pages[1].ix = PageIndex{0};
  manifest.logical_seqs[0].fill_in_last_page = kSmall.page_size_tokens + 1;
  const auto problems = manifest.problems();
  REQUIRE(problems.size() == 3);
  CHECK(problems[0].find("page 0") != std::string::npos);
  CHECK(problems[1].find("page 1") != std::string::npos);
  CHECK(problems[2].find("5 tokens") != std::string::npos);
}

TEST_CASE("random manifests are read back as they were written") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 500; ++round) {
    PageManifest manifest = random_manifest(random);
    const std::string json = manifest.to_json();
    manifest.canonicalize();
    REQUIRE(PageManifest::parse(json) == manifest);
    REQUIRE(PageManifest::parse(json).to_json() == json);
  }
}

TEST_CASE("a manifest of 100,000 pages is read back, every page") {
  PageManifest manifest;
  manifest.meta = kSmall;
  LogicalSeq seq{"all", {}, 1};
  for (std::uint32_t i = 0; i < 100000; ++i) {
    const Digest digest = digest_of(std::to_string(i));
    manifest.pages.push_back({PageIndex{i}, digest, digest});
    seq.page_ixs.push_back(PageIndex{i});
  }
  manifest.logical_seqs.push_back(seq);
  CHECK(PageManifest::parse(manifest.to_json()) == manifest);
}

}  // namespace pfcache::test
