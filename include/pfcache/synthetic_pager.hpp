// A pager in memory with pages made from a seed: for tests, demos and benchmarks.
//
// Example:
//
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::SyntheticCachePager pager({.page_size_tokens = 16, .n_layers = 2, .n_heads = 2, .head_dim = 8});
//     pager.populate_synthetic(3, 7);
//     std::cout << pager.logical_seqs().front().id << '\n';  // prints seq-seed-0000000000000007
//   }
#pragma once

#include <map>

#include "pfcache/pager.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// Fills `out` with the bytes that pf-cache's generator makes from `seed` (SplitMix64, little-endian).
void fill_synthetic(std::uint64_t seed, std::span<std::byte> out) noexcept;

/// Fills `out` with bf16 values that compress like a real KV cache: each is the sum of the eight bytes of a
/// word of the same generator, centred and scaled, so nearly normal. An odd last byte is 0.
void fill_kv_like(std::uint64_t seed, std::span<std::byte> out) noexcept;

/// Holds pages in memory. Not thread-safe.
class SyntheticCachePager final : public CachePager {
 public:
  enum class Content { random, kv_like };

  explicit SyntheticCachePager(const CacheMeta& meta) : meta_(meta) {}

  /// Adds pages 0 … count−1 made from `seed` and the sequence `seq-seed-<16 hex digits of seed>` over them, whose last
  /// page is half full. The same arguments give the same bytes as pf-cache 1.0 (Content::random).
  void populate_synthetic(std::uint32_t count, std::uint64_t seed, Content content = Content::random);

  /// Pages as allocate_pages() grants them come lowest first, skipping those in use.
  [[nodiscard]] CacheMeta meta() const override { return meta_; }
  [[nodiscard]] std::uint64_t expected_bytes() const override {
    return pages_.empty() ? 0 : 2 * meta_.page_bytes() * pages_.size();
  }
  void pause() override { paused_ = true; }
  void resume() override { paused_ = false; }
  [[nodiscard]] std::vector<PageIndex> occupied_pages() const override;
  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override { return seqs_; }
  void read_page(PageIndex ix, MutablePageView out) override;
  [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t count) override;
  void write_page(PageIndex ix, PageView page) override;
  void install_logical_seqs(std::span<const LogicalSeq> seqs) override;

  [[nodiscard]] bool is_paused() const noexcept { return paused_; }

 private:
  struct Page {
    std::vector<std::byte> k;
    std::vector<std::byte> v;
  };
  CacheMeta meta_;
  bool paused_ = false;
  std::map<PageIndex, Page> pages_;
  std::vector<LogicalSeq> seqs_;
};

}  // namespace pfcache
#pragma GCC visibility pop
