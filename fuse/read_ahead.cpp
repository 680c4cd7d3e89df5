#include "fuse/read_ahead.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <utility>

#include "fuse/contents.hpp"

namespace pfcache::fuse {
namespace {

// More readers at once than this, each on its own run, go without; they keep the CPUs busy by themselves.
constexpr std::size_t kMaxRuns = 32;

// Half of the threads wait for the disk in a cold restore, so that the CPUs don't. More than a reader can need.
constexpr unsigned kThreadsPerCpu = 2;
constexpr unsigned kMaxWorkers = 32;

// So many messages fill the lanes of the widest hash. Measured on one CPU with AVX-512, GB/s: decoding 2.5, hashing 2
// at a time 1.4, 16 at a time 3.1, writing them to a memfd 4.5.
constexpr std::uint32_t kBlobsPerJob = 16;

// A thread's memory for a job: enough for the lanes with pages of 4 MiB.
constexpr std::uint64_t kMaxJobBytes = std::uint64_t{32} << 20U;

// For how long that memory is kept when there is nothing to do.
constexpr std::chrono::seconds kIdle{5};

// Pages that follow by chance, as a few do in any order, cost little: a run begins with so many and doubles.
constexpr std::uint32_t kFirstPagesAhead = 2;

// What is decoded ahead must still be there when the reader comes, whatever else is opened meanwhile.
constexpr std::uint64_t kShareOfHotStore = 4;

std::uint32_t rows_a_page(NodeKind kind) { return kind == NodeKind::half ? 2 : 1; }

std::uint64_t row_count(const SnapshotView& snapshot, NodeKind kind) {
  return snapshot.pages().size() * rows_a_page(kind);
}

}  // namespace

ReadAhead::ReadAhead(HotStore& hot)
    : hot_(hot),
      cpu_count_(std::max(1U, std::thread::hardware_concurrency())),
      thread_count_(std::min(kMaxWorkers, kThreadsPerCpu * cpu_count_)) {}

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

// Looks far enough ahead that every thread has a job, and adds whole jobs only, unless the run has just begun or ends.
// Where little may be decoded ahead, or there are few pages, jobs are smaller, so that all CPUs have one.
void ReadAhead::extend(Run& run, const SnapshotPtr& snapshot) {
  const std::uint32_t step = rows_a_page(run.kind);
  const std::uint64_t blob_bytes = std::max<std::uint64_t>(1, snapshot->page_bytes());
  const std::uint32_t blobs = run.kind == NodeKind::half ? 1 : 2;
  const std::uint64_t fitting = hot_.limit_bytes() / kShareOfHotStore / (blobs * blob_bytes);
  const std::uint64_t most = std::min({fitting / cpu_count_, std::uint64_t{snapshot->pages().size()} / cpu_count_,
                                       kMaxJobBytes / (blobs * blob_bytes), std::uint64_t{kBlobsPerJob / blobs}});
  const auto pages_a_job = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, most));
  run.pages_ahead = std::clamp(2 * run.pages_ahead, kFirstPagesAhead, (thread_count_ + 1) * pages_a_job);
  const std::uint64_t wanted = std::min<std::uint64_t>(fitting, run.pages_ahead);
  const std::uint64_t row_end = row_count(*snapshot, run.kind);
  const std::uint64_t end = std::min(run.next_row + wanted * step, row_end);
  if (run.ahead_row >= end) return;
  auto pages = static_cast<std::uint32_t>((end - run.ahead_row + step - 1) / step);
  const bool is_steady = run.pages_ahead > pages_a_job && end < row_end;
  if (is_steady) pages -= pages % pages_a_job;
  add_jobs(run, snapshot, pages, pages_a_job);
}

void ReadAhead::add_jobs(Run& run, const SnapshotPtr& snapshot, std::uint32_t pages, std::uint32_t pages_a_job) {
  const std::size_t jobs_before = jobs_.size();
  Job job;
  for (; pages > 0; --pages, run.ahead_row += rows_a_page(run.kind)) {
    const HotKey key = content_of({run.kind, run.ahead_row, snapshot, nullptr});
    if (!hot_.has(key)) job.push_back(key);
    if (job.size() == pages_a_job) jobs_.push_back(std::exchange(job, {}));
  }
  if (!job.empty()) jobs_.push_back(std::move(job));
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
  while (const std::optional<Job> job = next_job(stop)) {
    try {
      hot_.prefetch(*job);
    } catch (const std::exception&) {
      // Nobody has asked for it yet. Who does will be told.
    }
  }
}

std::optional<ReadAhead::Job> ReadAhead::next_job(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  const auto has_one = [&] { return !jobs_.empty(); };
  if (!has_job_.wait_for(lock, stop, kIdle, has_one) && !stop.stop_requested()) {
    hot_.trim();
    has_job_.wait(lock, stop, has_one);
  }
  if (stop.stop_requested()) return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

}  // namespace pfcache::fuse
