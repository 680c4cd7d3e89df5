// Reading manifests and drafts of manifests: one reader for both, since a draft is a manifest with less in it.
#include <fmt/format.h>

#include <algorithm>

#include "base/json_reader.hpp"
#include "pfcache/error.hpp"
#include "pfcache/manifest.hpp"
#include "snapshot/geometry.hpp"

namespace pfcache {
namespace {

// No page can be written in fewer characters, so the size of the text bounds what is worth reserving.
constexpr std::size_t kMinPageChars = 2 * (std::string_view("sha256:").size() + Digest::kHexChars);
constexpr std::size_t kMinDraftPageChars = std::string_view(R"({"ix":0})").size();

[[noreturn]] void refuse(const JsonObject& object, std::string_view key, std::string_view expected,
                         std::string_view found) {
  constexpr std::size_t kMaxQuoted = 100;
  throw Error(Errc::malformed, fmt::format("{}: field '{}': expected {}, found '{}'{}", object.where(), key, expected,
                                           found.substr(0, kMaxQuoted), found.size() > kMaxQuoted ? "…" : ""));
}

CacheMeta read_meta(const JsonObject& root) {
  const std::string_view layout = root.text("layout");
  if (layout != kManifestLayout) refuse(root, "layout", fmt::format("'{}'", kManifestLayout), layout);
  CacheMeta meta;
  meta.page_size_tokens = root.u32("page_size_tokens");
  meta.n_layers = root.u32("n_layers");
  meta.n_heads = root.u32("n_heads");
  meta.head_dim = root.u32("head_dim");
  const std::string_view dtype = root.text("dtype");
  const auto known = dtype_named(dtype);
  if (!known) refuse(root, "dtype", "bf16, f16, f32 or fp8e4m3", dtype);
  meta.dtype = *known;
  return meta;
}

void check_geometry(const JsonObject& root, const CacheMeta& meta) {
  const auto bytes = multiply_geometry(meta);
  if (bytes && *bytes <= kMaxPageBytes) return;
  if (!bytes) {
    throw Error(Errc::malformed, fmt::format("{}: the bytes of a page overflow: {}", root.where(), describe(meta)));
  }
  throw Error(Errc::too_large, fmt::format("{}: a K of {} bytes, at most {} are handled: {}", root.where(), *bytes,
                                           kMaxPageBytes, describe(meta)));
}

Digest read_digest(const JsonObject& page, std::string_view key) {
  const std::string_view text = page.text(key);
  const auto digest = text.starts_with("sha256:") ? Digest::try_parse(text) : std::nullopt;
  if (!digest) refuse(page, key, "'sha256:' and 64 lower-case hex digits", text);
  return *digest;
}

PageEntry read_page(const JsonObject& page) {
  return {PageIndex{page.u32("ix")}, read_digest(page, "k"), read_digest(page, "v")};
}

ManifestDraft::Page read_draft_page(const JsonObject& page) {
  ManifestDraft::Page draft;
  draft.ix = PageIndex{page.u32("ix")};
  if (page.has("k")) draft.k = read_digest(page, "k");
  if (page.has("v")) draft.v = read_digest(page, "v");
  return draft;
}

template <typename Page, typename ReadPage>
std::vector<Page> read_pages(const JsonObject& root, std::size_t most_pages, ReadPage read_page_of) {
  const JsonArray array = root.array("pages");
  std::vector<Page> pages;
  pages.reserve(std::min(array.size(), most_pages));
  array.for_each_object([&](const JsonObject& page) { pages.push_back(read_page_of(page)); });
  return pages;
}

std::vector<LogicalSeq> read_seqs(const JsonObject& root) {
  std::vector<LogicalSeq> seqs;
  // The adapters of ProcessFork for vLLM and SGLang write none.
  if (!root.has("logical_seqs")) return seqs;
  root.array("logical_seqs").for_each_object([&](const JsonObject& object) {
    LogicalSeq& seq = seqs.emplace_back();
    seq.id = object.text("id");
    for (const std::uint32_t ix : object.array("page_ixs").u32s()) seq.page_ixs.push_back(PageIndex{ix});
    seq.fill_in_last_page = object.u32("fill_in_last_page");
  });
  return seqs;
}

void check_size(std::string_view json, std::string_view name) {
  if (json.size() <= kMaxManifestBytes) return;
  throw Error(Errc::too_large,
              fmt::format("{} has {} bytes, at most {} are read", name, json.size(), kMaxManifestBytes));
}

}  // namespace

PageManifest PageManifest::parse(std::string_view json, std::string_view name) {
  check_size(json, name);
  const JsonDocument document(json, name);
  const JsonObject root = document.root();
  PageManifest manifest;
  manifest.meta = read_meta(root);
  check_geometry(root, manifest.meta);
  manifest.pages = read_pages<PageEntry>(root, json.size() / kMinPageChars, read_page);
  manifest.logical_seqs = read_seqs(root);
  return manifest;
}

ManifestDraft ManifestDraft::parse(std::string_view json, std::string_view name) {
  check_size(json, name);
  const JsonDocument document(json, name);
  const JsonObject root = document.root();
  ManifestDraft draft;
  draft.meta = read_meta(root);
  check_geometry(root, draft.meta);
  if (root.has("pages")) draft.pages = read_pages<Page>(root, json.size() / kMinDraftPageChars, read_draft_page);
  draft.logical_seqs = read_seqs(root);
  return draft;
}

bool ManifestDraft::is_complete() const noexcept {
  return pages && std::all_of(pages->begin(), pages->end(), [](const Page& page) { return page.k && page.v; });
}

}  // namespace pfcache
