#include "fuse/read_ahead.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "fuse/contents.hpp"

namespace pfcache::fuse {
namespace {

// More readers at once than this, each on its own run, go without; they keep the CPUs busy by themselves.
constexpr std::size_t kMaxRuns = 32;

// Half of the threads wait for the disk in a cold restore, so that the CPUs don't.
constexpr unsigned kThreadsPerCpu = 2;

// Pages that follow by chance, as a few do in any order, cost little: a run begins with so many and doubles.
constexpr std::uint32_t kFirstPagesAhead = 2;

// Enough that no thread waits for the reader to come along, and few enough that a reader who stops has cost little.
constexpr std::uint32_t kPagesAheadPerThread = 2;

// What is decoded ahead must still be there when the reader comes, whatever else is opened meanwhile.
constexpr std::uint64_t kShareOfHotStore = 4;

std::uint32_t rows_a_page(NodeKind kind) { return kind == NodeKind::half ? 2 : 1; }

std::uint64_t row_count(const SnapshotView& snapshot, NodeKind kind) {
  return snapshot.pages().size() * rows_a_page(kind);
}

}  // namespace

ReadAhead::ReadAhead(HotStore& hot)
    : hot_(hot), thread_count_(kThreadsPerCpu * std::max(1U, std::thread::hardware_concurrency())) {}

ReadAhead::~ReadAhead() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void ReadAhead::note_open(const Node& node) {
  if (node.kind != NodeKind::page && node.kind != NodeKind::half) return;
  const std::lock_guard lock(mutex_);
  const auto run = find_run(node);
  if (run == runs_.end()) {
    const std::uint32_t next = node.row + rows_a_page(node.kind);
    runs_.push_front({node.snapshot, node.kind, next, next, 0});
    if (runs_.size() > kMaxRuns) runs_.pop_back();
    return;
  }
  run->next_row = node.row + rows_a_page(node.kind);
  run->ahead_row = std::max(run->ahead_row, run->next_row);
  runs_.splice(runs_.begin(), runs_, run);
  extend(*run, node.snapshot);
}

// The run that this open continues. Threads that share a run don't come in its order exactly: an open inside of what
// was asked for continues it, too.
std::list<ReadAhead::Run>::iterator ReadAhead::find_run(const Node& node) {
  return std::ranges::find_if(runs_, [&](const Run& run) {
    if (run.kind != node.kind || run.snapshot.lock() != node.snapshot) return false;
    if (run.next_row % rows_a_page(run.kind) != node.row % rows_a_page(run.kind)) return false;
    return run.next_row <= node.row && node.row <= std::max(run.next_row, run.ahead_row);
  });
}

void ReadAhead::extend(Run& run, const SnapshotPtr& snapshot) {
  const std::uint32_t step = rows_a_page(run.kind);
  const std::uint64_t page_bytes = std::max<std::uint64_t>(1, 2 * snapshot->page_bytes() / step);
  const std::uint64_t fitting = hot_.limit_bytes() / kShareOfHotStore / page_bytes;
  run.pages_ahead = std::clamp(2 * run.pages_ahead, kFirstPagesAhead, thread_count_ * kPagesAheadPerThread);
  const std::uint64_t wanted = std::min<std::uint64_t>(fitting, run.pages_ahead);
  const std::uint64_t end = std::min(run.next_row + wanted * step, row_count(*snapshot, run.kind));
  if (run.ahead_row >= end) return;
  const std::size_t jobs_before = jobs_.size();
  for (; run.ahead_row < end; run.ahead_row += step) {
    Node node{run.kind, run.ahead_row, snapshot, nullptr};
    if (!hot_.has(content_of(node))) jobs_.push_back(std::move(node));
  }
  // A restore of what is hot wakes nobody.
  if (jobs_.size() == jobs_before) return;
  start_threads();
  has_job_.notify_all();
}

void ReadAhead::start_threads() {
  while (threads_.size() < thread_count_) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

void ReadAhead::work(const std::stop_token& stop) {
  while (const std::optional<Node> node = next_job(stop)) {
    try {
      static_cast<void>(hot_.get(content_of(*node)));
    } catch (const std::exception&) {
      // Nobody has asked for it yet. Who does will be told.
    }
  }
}

std::optional<Node> ReadAhead::next_job(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  has_job_.wait(lock, stop, [&] { return !jobs_.empty(); });
  if (stop.stop_requested()) return std::nullopt;
  Node node = std::move(jobs_.front());
  jobs_.pop_front();
  return node;
}

}  // namespace pfcache::fuse
