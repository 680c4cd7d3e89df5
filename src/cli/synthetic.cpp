#include "cli/synthetic.hpp"

#include <fmt/format.h>

#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

using Content = SyntheticCachePager::Content;

DType parse_dtype(std::string_view text) {
  if (const auto dtype = dtype_named(text)) return *dtype;
  throw Error(Errc::invalid_argument, fmt::format("--dtype: expected bf16, f16, f32 or fp8e4m3, found '{}'", text));
}

Content parse_content(std::string_view text) {
  if (text == "random") return Content::random;
  if (text == "kv-like") return Content::kv_like;
  throw Error(Errc::invalid_argument, fmt::format("--content: expected random or kv-like, found '{}'", text));
}

/// Has the pages that SyntheticCachePager::populate_synthetic() makes, but makes each when it is read: so that any
/// number of them takes no memory and a capture of them can be stopped. Page i of a seed is page 0 of the seed ^ i.
class SeededPager final : public CachePager {
 public:
  /// `on_progress`, which may be empty, is told of each page that is made.
  SeededPager(const SyntheticSource& source, const SyntheticShape& shape, OnProgress on_progress)
      : source_(source), shape_(shape), on_progress_(std::move(on_progress)) {}

  [[nodiscard]] CacheMeta meta() const override { return shape_.meta; }
  void pause() override {}
  void resume() override {}

  [[nodiscard]] std::vector<PageIndex> occupied_pages() const override {
    std::vector<PageIndex> pages;
    for (std::uint32_t ix = 0; ix < source_.pages; ++ix) pages.push_back({ix});
    return pages;
  }

  [[nodiscard]] std::vector<LogicalSeq> logical_seqs() const override {
    SyntheticCachePager empty(shape_.meta);
    empty.populate_synthetic(0, source_.seed, shape_.content);
    std::vector<LogicalSeq> seqs = empty.logical_seqs();
    for (LogicalSeq& seq : seqs) seq.page_ixs = occupied_pages();
    return seqs;
  }

  void read_page(PageIndex ix, MutablePageView out) override {
    SyntheticCachePager one(shape_.meta);
    one.populate_synthetic(1, source_.seed ^ ix.value, shape_.content);
    one.pause();
    one.read_page({0}, out);
    ++made_;
    if (on_progress_) on_progress_({"make", "page", made_, source_.pages});
  }

  // Nothing is ever restored into it.
  [[nodiscard]] std::vector<PageIndex> allocate_pages(std::size_t /*count*/) override { return {}; }
  void write_page(PageIndex /*ix*/, PageView /*page*/) override {}
  void install_logical_seqs(std::span<const LogicalSeq> /*seqs*/) override {}

 private:
  SyntheticSource source_;
  SyntheticShape shape_;
  OnProgress on_progress_;
  std::uint64_t made_ = 0;
};

}  // namespace

void declare_shape(ArgumentTable& table, const std::shared_ptr<SyntheticShape>& shape) {
  const auto number = [&](const char* flag, const char* help, std::uint32_t CacheMeta::*field) {
    table.option(flag, "N", help, [shape, flag, field](std::string_view text) {
      shape->meta.*field = parse_u32(flag, text);
      shape->is_given = true;
    });
  };
  number("--page-tokens", "synthetic: tokens a page (4)", &CacheMeta::page_size_tokens);
  number("--layers", "synthetic: layers (2)", &CacheMeta::n_layers);
  number("--heads", "synthetic: KV heads (2)", &CacheMeta::n_heads);
  number("--head-dim", "synthetic: elements a head (4)", &CacheMeta::head_dim);
  table.option("--dtype", "TYPE", "synthetic: bf16, f16, f32 or fp8e4m3 (bf16)", [shape](std::string_view text) {
    shape->meta.dtype = parse_dtype(text);
    shape->is_given = true;
  });
  table.option("--content", "KIND", "synthetic: random or kv-like (random)", [shape](std::string_view text) {
    shape->content = parse_content(text);
    shape->is_given = true;
  });
}

CaptureResult capture_synthetic(const SyntheticSource& source, const SyntheticShape& shape, BlobStore& blobs,
                                const CaptureOptions& options) {
  if (source.pages > kMaxSyntheticPages) {
    throw Error(Errc::too_large,
                fmt::format("a synthetic cache of {} pages: expected at most {}", source.pages, kMaxSyntheticPages));
  }
  // Pages that don't fit the memory limit are made and stored in turn: then what is stored says it all.
  const bool is_made_first = 2 * shape.meta.page_bytes() * source.pages <= options.memory_limit_bytes;
  SeededPager pager(source, shape, is_made_first ? options.on_progress : OnProgress());
  return capture_cache(pager, blobs, options);
}

}  // namespace pfcache::cli
