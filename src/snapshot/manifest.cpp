#include "pfcache/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <unordered_set>

#include "pfcache/error.hpp"
#include "pfcache/json_writer.hpp"
#include "snapshot/geometry.hpp"

namespace pfcache {
namespace {

struct DTypeRow {
  DType dtype;
  std::string_view name;
  std::uint32_t size_bytes;
};

constexpr std::array kDTypes = {
    DTypeRow{DType::bf16, "bf16", 2},
    DTypeRow{DType::f16, "f16", 2},
    DTypeRow{DType::f32, "f32", 4},
    DTypeRow{DType::fp8e4m3, "fp8e4m3", 1},
};

const DTypeRow& row_of(DType dtype) noexcept {
  const auto* const row = std::find_if(kDTypes.begin(), kDTypes.end(), [&](auto& r) { return r.dtype == dtype; });
  return row == kDTypes.end() ? kDTypes.front() : *row;
}

bool by_ix(const PageEntry& a, const PageEntry& b) noexcept { return a.ix < b.ix; }

bool by_id(const LogicalSeq& a, const LogicalSeq& b) noexcept { return a.id < b.id; }

void write_meta(JsonWriter& json, const CacheMeta& meta) {
  json.field("layout", kManifestLayout)
      .field("page_size_tokens", meta.page_size_tokens)
      .field("n_layers", meta.n_layers)
      .field("n_heads", meta.n_heads)
      .field("head_dim", meta.head_dim)
      .field("dtype", name_of(meta.dtype));
}

void write_pages(JsonWriter& json, const std::vector<PageEntry>& pages) {
  json.key("pages").begin_array();
  for (const PageEntry& page : pages) {
    json.begin_object().field("ix", page.ix.value).field("k", page.k.text()).field("v", page.v.text()).end_object();
  }
  json.end_array();
}

void write_seqs(JsonWriter& json, const std::vector<LogicalSeq>& seqs) {
  json.key("logical_seqs").begin_array();
  for (const LogicalSeq& seq : seqs) {
    json.begin_object().field("id", seq.id).key("page_ixs").begin_array();
    for (const PageIndex ix : seq.page_ixs) json.value(ix.value);
    json.end_array().field("fill_in_last_page", seq.fill_in_last_page).end_object();
  }
  json.end_array();
}

}  // namespace

std::uint32_t size_bytes_of(DType dtype) noexcept { return row_of(dtype).size_bytes; }

std::string_view name_of(DType dtype) noexcept { return row_of(dtype).name; }

std::optional<DType> dtype_named(std::string_view name) noexcept {
  for (const DTypeRow& row : kDTypes) {
    if (row.name == name) return row.dtype;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> multiply_geometry(const CacheMeta& meta) noexcept {
  const std::array factors = {meta.n_layers, meta.page_size_tokens, meta.n_heads, meta.head_dim,
                              size_bytes_of(meta.dtype)};
  // A zero makes the page empty whatever the others are, so it must not depend on where it stands among them.
  if (std::find(factors.begin(), factors.end(), 0U) != factors.end()) return 0;
  std::uint64_t product = 1;
  for (const std::uint32_t factor : factors) {
    if (__builtin_mul_overflow(product, std::uint64_t{factor}, &product)) return std::nullopt;
  }
  return product;
}

std::string describe(const CacheMeta& meta) {
  return fmt::format("page_size_tokens {}, n_layers {}, n_heads {}, head_dim {}, dtype {}", meta.page_size_tokens,
                     meta.n_layers, meta.n_heads, meta.head_dim, name_of(meta.dtype));
}

std::uint64_t CacheMeta::page_bytes() const {
  const auto bytes = multiply_geometry(*this);
  if (bytes && *bytes <= kMaxPageBytes) return *bytes;
  throw Error(Errc::too_large, fmt::format("a page of {}: its K has {} bytes, at most {} are handled", describe(*this),
                                           bytes ? std::to_string(*bytes) : "2^64 or more", kMaxPageBytes));
}

void PageManifest::canonicalize() {
  std::stable_sort(pages.begin(), pages.end(), by_ix);
  std::stable_sort(logical_seqs.begin(), logical_seqs.end(), by_id);
}

std::string PageManifest::to_json() const {
  const bool is_sorted = std::is_sorted(pages.begin(), pages.end(), by_ix) &&
                         std::is_sorted(logical_seqs.begin(), logical_seqs.end(), by_id);
  if (!is_sorted) {
    PageManifest sorted = *this;
    sorted.canonicalize();
    return sorted.to_json();
  }
  JsonWriter json;
  json.begin_object();
  write_meta(json, meta);
  write_pages(json, pages);
  write_seqs(json, logical_seqs);
  json.end_object();
  return json.take();
}

std::vector<PageEntry> PageManifest::effective_pages() const {
  std::vector<PageEntry> kept = pages;
  std::stable_sort(kept.begin(), kept.end(), by_ix);
  // Of a run with one ix the last is kept: reversed, that is the first, which is what unique() keeps.
  const auto end_of_dropped = std::unique(kept.rbegin(), kept.rend(), [](auto& a, auto& b) { return a.ix == b.ix; });
  kept.erase(kept.begin(), end_of_dropped.base());
  return kept;
}

std::vector<std::string> PageManifest::problems() const {
  std::vector<std::string> found;
  std::unordered_set<std::uint32_t> present;
  for (const PageEntry& page : pages) {
    if (!present.insert(page.ix.value).second) {
      found.push_back(fmt::format("page {} is listed more than once; the last counts", page.ix.value));
    }
  }
  for (const LogicalSeq& seq : logical_seqs) {
    for (const PageIndex ix : seq.page_ixs) {
      if (present.contains(ix.value)) continue;
      found.push_back(fmt::format("sequence '{}' names page {}, which is not there", seq.id, ix.value));
    }
    if (seq.fill_in_last_page > meta.page_size_tokens) {
      found.push_back(fmt::format("sequence '{}' has {} tokens in its last page, which holds {}", seq.id,
                                  seq.fill_in_last_page, meta.page_size_tokens));
    }
  }
  return found;
}

}  // namespace pfcache
