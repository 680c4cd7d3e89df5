#include "fuse/page_census.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "fuse/snapshot_view.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

using Clock = std::chrono::system_clock;

// A directory may change twice within a tick of the clock that its time is taken from. One whose time is older than
// this when it is listed has been seen as it is.
constexpr std::chrono::seconds kTick{1};

Clock::time_point time_of(const timespec& time) {
  return Clock::time_point(std::chrono::seconds(time.tv_sec) +
                           std::chrono::duration_cast<Clock::duration>(std::chrono::nanoseconds(time.tv_nsec)));
}

timespec mtime_of(const std::filesystem::path& directory) {
  struct stat found {};
  if (::stat(directory.c_str(), &found) != 0 && errno != ENOENT) throw Error::from_last_errno(directory);
  return found.st_mtim;
}

bool is_same(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

std::optional<std::uint32_t> PageCensus::snapshots_with(const Node& node) {
  const std::uint64_t id = content_id(node);
  const std::lock_guard lock(mutex_);
  refresh();
  if (!is_countable_) return std::nullopt;
  const auto found = std::lower_bound(ids_.begin(), ids_.end(), id);
  if (found == ids_.end() || *found != id) return 0;
  return counts_[static_cast<std::size_t>(found - ids_.begin())];
}

// Programs ask for many pages in a row, so that a look at one time has to do where nothing has changed.
void PageCensus::refresh() {
  const timespec mtime = mtime_of(store_.path() / "snapshots");
  if (is_settled_ && is_same(mtime, listed_mtime_)) return;
  const Clock::time_point now = Clock::now();
  std::vector<Digest> snapshots = store_.catalog().snapshots();
  if (listed_mtime_.tv_sec == 0 || snapshots != snapshots_) {
    snapshots_ = std::move(snapshots);
    count();
  }
  listed_mtime_ = mtime;
  is_settled_ = now - time_of(mtime) > kTick;
}

void PageCensus::count() {
  std::vector<std::uint64_t> ids;
  std::uint64_t pages = 0;
  is_countable_ = std::ranges::all_of(snapshots_, [&](const Digest& it) { return add_ids_of(it, ids, pages); });
  if (!is_countable_) ids = {};
  tally(std::move(ids));
}

// False when there are too many. A content that a snapshot has twice counts once.
bool PageCensus::add_ids_of(const Digest& snapshot, std::vector<std::uint64_t>& ids, std::uint64_t& pages) const {
  SnapshotPtr view;
  try {
    view = std::make_shared<SnapshotView>(snapshot, 0, store_.manifest(snapshot));
  } catch (const Error&) {
    return true;  // what can't be read can't be shown either
  }
  const std::size_t row_count = view->pages().size();
  pages += row_count;
  if (pages > max_pages_) return false;
  const auto first = static_cast<std::ptrdiff_t>(ids.size());
  ids.reserve(ids.size() + 3 * row_count);
  for (std::uint32_t row = 0; row < row_count; ++row) {
    ids.push_back(content_id({NodeKind::page, row, view, nullptr}));
    ids.push_back(content_id({NodeKind::half, 2 * row, view, nullptr}));
    ids.push_back(content_id({NodeKind::half, 2 * row + 1, view, nullptr}));
  }
  std::sort(ids.begin() + first, ids.end());
  ids.erase(std::unique(ids.begin() + first, ids.end()), ids.end());
  return true;
}

void PageCensus::tally(std::vector<std::uint64_t> ids) {
  std::sort(ids.begin(), ids.end());
  ids_.clear();
  counts_.clear();
  for (const std::uint64_t id : ids) {
    if (ids_.empty() || ids_.back() != id) {
      ids_.push_back(id);
      counts_.push_back(0);
    }
    ++counts_.back();
  }
  ids_.shrink_to_fit();
  counts_.shrink_to_fit();
}

}  // namespace pfcache::fuse
