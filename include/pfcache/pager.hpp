// The engine's side of a capture or a restore.
//
// Example:
//
//   #include <pfcache/pager.hpp>
//   #include <pfcache/synthetic_pager.hpp>
//   #include <iostream>
//
//   int main() {
//     pfcache::SyntheticCachePager engine({.page_size_tokens = 16, .n_layers = 2, .n_heads = 2, .head_dim = 8});
//     engine.populate_synthetic(3, 0);
//     pfcache::CachePager& cache = engine;
//     std::vector<std::byte> k(cache.meta().page_bytes()), v(k.size());
//     cache.pause();
//     for (const pfcache::PageIndex ix : cache.occupied_pages()) cache.read_page(ix, {k, v});
//     cache.resume();
//     std::cout << k.size() + v.size() << " bytes\n";  // prints 2048 bytes
//   }
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "pfcache/manifest.hpp"

#pragma GCC visibility push(default)
namespace pfcache {

/// Bytes of one page, borrowed: K and V, meta().page_bytes() bytes each.
struct PageView {
  std::span<const std::byte> k;
  std::span<const std::byte> v;
};

/// Room for one page, borrowed.
struct MutablePageView {
  std::span<std::byte> k;
  std::span<std::byte> v;
};

/// A paged KV cache as capture_cache and restore_cache see it. They call it from one thread at a time.
/// Functions may throw what they like; a capture or restore passes it on after resume().
class CachePager {
 public:
  CachePager() = default;
  CachePager(const CachePager&) = delete;
  CachePager& operator=(const CachePager&) = delete;
  virtual ~CachePager();

  [[nodiscard]] virtual CacheMeta meta() const = 0;

  /// About how many bytes, K and V together, a capture would copy now; 0 = it can't be told. A capture asks before
  /// pause(), to have memory ready: a wrong answer costs time or unused memory, nothing else.
  [[nodiscard]] virtual std::uint64_t expected_bytes() const { return 0; }

  /// Stops the engine from changing pages, until resume(). Every pause() that returned is followed by one resume().
  virtual void pause() = 0;
  virtual void resume() = 0;

  /// The pages in use. REQUIRES: paused.
  [[nodiscard]] virtual std::vector<PageIndex> occupied_pages() const = 0;
  [[nodiscard]] virtual std::vector<LogicalSeq> logical_seqs() const = 0;

  /// Copies a page out. REQUIRES: paused; both spans hold meta().page_bytes() bytes.
  virtual void read_page(PageIndex ix, MutablePageView out) = 0;

  /// Takes `count` free pages for use and names them in the order they should be filled.
  [[nodiscard]] virtual std::vector<PageIndex> allocate_pages(std::size_t count) = 0;

  /// Copies a page in. Throws: Errc::invalid_argument when a span's length isn't meta().page_bytes().
  virtual void write_page(PageIndex ix, PageView page) = 0;

  virtual void install_logical_seqs(std::span<const LogicalSeq> seqs) = 0;
};

}  // namespace pfcache
#pragma GCC visibility pop
