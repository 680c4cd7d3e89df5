#include "pfcache/synthetic_pager.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::uint64_t kSeedOfK = 0xCACECAFECAFE;
constexpr std::uint64_t kSeedOfV = 0xC0DEC0DEC0DEC0DE;

/// SplitMix64 as pf-cache runs it: one step is taken before the first word.
class WordStream {
 public:
  explicit WordStream(std::uint64_t seed) noexcept : state_(seed + kStep) {}

  std::uint64_t next() noexcept {
    state_ += kStep;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }

 private:
  static constexpr std::uint64_t kStep = 0x9E3779B97F4A7C15;
  std::uint64_t state_;
};

std::uint16_t kv_like_value(std::uint64_t word) noexcept {
  int sum = 0;
  for (int i = 0; i < 8; ++i) sum += static_cast<int>((word >> (8 * i)) & 0xff);
  const float value = static_cast<float>(sum - 1020) / 128.0F;
  return static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
}

void require_page_bytes(std::string_view half, std::size_t found, std::uint64_t expected) {
  if (found == expected) return;
  throw Error(Errc::invalid_argument, fmt::format("{} of a page: expected {} bytes, found {}", half, expected, found));
}

}  // namespace

void fill_synthetic(std::uint64_t seed, std::span<std::byte> out) noexcept {
  WordStream words(seed);
  while (!out.empty()) {
    std::array<std::byte, 8> bytes{};
    store_le(words.next(), bytes);
    const std::size_t count = std::min(bytes.size(), out.size());
    std::copy_n(bytes.begin(), count, out.begin());
    out = out.subspan(count);
  }
}

void fill_kv_like(std::uint64_t seed, std::span<std::byte> out) noexcept {
  WordStream words(seed);
  for (; out.size() >= 2; out = out.subspan(2)) store_le(kv_like_value(words.next()), out);
  if (!out.empty()) out[0] = std::byte{0};
}

void SyntheticCachePager::populate_synthetic(std::uint32_t count, std::uint64_t seed, Content content) {
  const std::uint64_t page_bytes = meta_.page_bytes();
  const auto fill = content == Content::random ? fill_synthetic : fill_kv_like;
  LogicalSeq seq{fmt::format("seq-seed-{:016x}", seed), {}, meta_.page_size_tokens / 2};
  for (std::uint32_t i = 0; i < count; ++i) {
    Page page{std::vector<std::byte>(page_bytes), std::vector<std::byte>(page_bytes)};
    fill(seed ^ i ^ kSeedOfK, page.k);
    fill(seed ^ i ^ kSeedOfV, page.v);
    pages_[PageIndex{i}] = std::move(page);
    seq.page_ixs.push_back(PageIndex{i});
  }
  seqs_.push_back(std::move(seq));
}

std::vector<PageIndex> SyntheticCachePager::occupied_pages() const {
  std::vector<PageIndex> ixs;
  ixs.reserve(pages_.size());
  for (const auto& [ix, page] : pages_) ixs.push_back(ix);
  return ixs;
}

void SyntheticCachePager::read_page(PageIndex ix, MutablePageView out) {
  require_page_bytes("room for K", out.k.size(), meta_.page_bytes());
  require_page_bytes("room for V", out.v.size(), meta_.page_bytes());
  const auto page = pages_.find(ix);
  if (page == pages_.end()) throw Error(Errc::not_found, fmt::format("page {} of the pager", ix.value));
  std::copy(page->second.k.begin(), page->second.k.end(), out.k.begin());
  std::copy(page->second.v.begin(), page->second.v.end(), out.v.begin());
}

std::vector<PageIndex> SyntheticCachePager::allocate_pages(std::size_t count) {
  const std::uint64_t page_bytes = meta_.page_bytes();
  std::vector<PageIndex> granted;
  granted.reserve(count);
  auto next_used = pages_.begin();
  for (std::uint32_t ix = 0; granted.size() < count; ++ix) {
    if (next_used != pages_.end() && next_used->first.value == ix) {
      ++next_used;
      continue;
    }
    Page page{std::vector<std::byte>(page_bytes), std::vector<std::byte>(page_bytes)};
    pages_.emplace_hint(next_used, PageIndex{ix}, std::move(page));
    granted.push_back(PageIndex{ix});
  }
  return granted;
}

void SyntheticCachePager::write_page(PageIndex ix, PageView page) {
  require_page_bytes("K", page.k.size(), meta_.page_bytes());
  require_page_bytes("V", page.v.size(), meta_.page_bytes());
  pages_[ix] = {{page.k.begin(), page.k.end()}, {page.v.begin(), page.v.end()}};
}

void SyntheticCachePager::install_logical_seqs(std::span<const LogicalSeq> seqs) {
  seqs_.assign(seqs.begin(), seqs.end());
}

}  // namespace pfcache
