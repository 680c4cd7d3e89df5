#include "pfcache/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "base/parallel.hpp"
#include "snapshot/page_room.hpp"
#include "snapshot/page_writer.hpp"
#include "snapshot/paused_pager.hpp"

namespace pfcache {
namespace {

/// What a paused pager says it holds: a manifest that lacks the digests.
PageManifest read_outline(const CachePager& pager) {
  PageManifest outline;
  outline.meta = pager.meta();
  for (const PageIndex ix : pager.occupied_pages()) outline.pages.push_back({ix, {}, {}});
  outline.logical_seqs = pager.logical_seqs();
  const auto problems = outline.problems();
  if (!problems.empty()) throw Error(Errc::mismatch, fmt::format("the pager contradicts itself: {}", problems.front()));
  outline.canonicalize();
  return outline;
}

std::size_t pages_within(std::uint64_t limit_bytes, const PageManifest& outline) {
  const std::uint64_t each = std::max<std::uint64_t>(1, 2 * outline.meta.page_bytes());
  return static_cast<std::size_t>(std::clamp<std::uint64_t>(limit_bytes / each, 1, outline.pages.size() + 1));
}

/// Copies pages out of the pager: all that an engine that fits the memory limit has to wait for.
std::vector<PageView> copy_pages(CachePager& pager, std::span<const PageEntry> entries, PageRoom& room,
                                 const std::stop_token& stop) {
  std::vector<PageView> views;
  views.reserve(entries.size());
  for (const PageEntry& entry : entries) {
    throw_if_stopped(stop);
    const MutablePageView page = room.page(views.size());
    pager.read_page(entry.ix, page);
    views.push_back({page.k, page.v});
  }
  return views;
}

/// Ends the pause. A failure is returned, not thrown: the pages are safe with us, and what was captured of them must
/// not be lost over it.
std::optional<std::string> try_resume(PausedPager& paused) {
  try {
    paused.resume();
    return std::nullopt;
  } catch (const std::exception& error) {
    return error.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

/// One capture, from the pause to the digest.
class Capture {
 public:
  Capture(CachePager& pager, BlobStore& blobs, const CaptureOptions& options)
      : pager_(pager), blobs_(blobs), options_(options), paused_(prepare(pager)) {}

  CaptureResult run() {
    outline_ = read_outline(pager_);
    const std::size_t window = pages_within(options_.memory_limit_bytes, outline_);
    CaptureResult result = outline_.pages.size() <= window ? run_copied() : run_streamed(window);
    result.pause = paused_.pause();
    if (resume_failure_) {
      throw ResumeError(result, fmt::format("snapshot {} is stored, but the engine did not resume: {}",
                                            result.digest.hex(), *resume_failure_));
    }
    return result;
  }

 private:
  // The last thing before the pause.
  CachePager& prepare(CachePager& pager) {
    room_.prepare(std::min(pager.expected_bytes(), options_.memory_limit_bytes));
    return pager;
  }

  CaptureResult run_copied() {
    room_.require(outline_.pages.size(), outline_.meta.page_bytes());
    const auto views = copy_pages(pager_, outline_.pages, room_, options_.stop);
    resume_failure_ = try_resume(paused_);
    PageWriter writer(blobs_, outline_.meta);
    PhaseCounter stored(options_.on_progress, storing());
    writer.put_pages(views, outline_.pages, options_, stored);
    return writer.finish(outline_.to_json(), options_.on_progress);
  }

  CaptureResult run_streamed(std::size_t window) {
    room_.require(window, outline_.meta.page_bytes());
    PageWriter writer(blobs_, outline_.meta);
    PhaseCounter stored(options_.on_progress, storing());
    for (std::span<PageEntry> rest(outline_.pages); !rest.empty();) {
      const auto entries = rest.first(std::min(window, rest.size()));
      writer.put_pages(copy_pages(pager_, entries, room_, options_.stop), entries, options_, stored);
      rest = rest.subspan(entries.size());
    }
    resume_failure_ = try_resume(paused_);
    return writer.finish(outline_.to_json(), options_.on_progress);
  }

  [[nodiscard]] ProgressEvent storing() const {
    return {.phase = "store", .total = 2 * outline_.meta.page_bytes() * outline_.pages.size()};
  }

  CachePager& pager_;
  BlobStore& blobs_;
  const CaptureOptions& options_;
  PageRoom room_;
  PausedPager paused_;  // after the room, which is prepared before the pause
  PageManifest outline_;
  std::optional<std::string> resume_failure_;
};

}  // namespace

ResumeError::~ResumeError() = default;

CaptureResult capture_cache(CachePager& pager, BlobStore& blobs, const CaptureOptions& options) {
  throw_if_stopped(options.stop);
  return Capture(pager, blobs, options).run();
}

}  // namespace pfcache
