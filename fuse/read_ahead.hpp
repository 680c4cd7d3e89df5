// Pages that are likely to be opened next are made hot meanwhile.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "fuse/hot_store.hpp"
#include "fuse/node.hpp"

namespace pfcache::fuse {

/// Watches which pages are opened. Two that follow each other begin a run, and from then on the next few are decoded
/// on threads of their own, several as one job, because hashing them side by side is faster: a program that opens one
/// page after the other waits for few of them, and has all CPUs work for it. Any number of runs at once, of one
/// snapshot or of many. Thread-safe.
class ReadAhead {
 public:
  /// REQUIRES: `hot` outlives this object.
  explicit ReadAhead(HotStore& hot);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  /// To be told of each open of a page or half of one.
  void note_open(const Node& node);

 private:
  // Pages of one kind in one snapshot, opened in ascending order.
  struct Run {
    std::weak_ptr<const SnapshotView> snapshot;  // a run that has ended keeps none alive
    NodeKind kind = NodeKind::page;
    std::uint32_t next_row = 0;     // the one that continues the run
    std::uint32_t ahead_row = 0;    // all before it have been asked for
    std::uint32_t pages_ahead = 0;  // how far the run looks ahead
  };

  using Job = std::vector<HotKey>;

  [[nodiscard]] std::list<Run>::iterator find_run(const Node& node);
  void extend(Run& run, const SnapshotPtr& snapshot);
  void add_jobs(Run& run, const SnapshotPtr& snapshot, std::uint32_t pages, std::uint32_t pages_a_job);
  void start_threads();
  void work(const std::stop_token& stop);
  [[nodiscard]] std::optional<Job> next_job(const std::stop_token& stop);

  HotStore& hot_;
  const unsigned cpu_count_;
  const unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable_any has_job_;
  std::list<Run> runs_;  // guarded by mutex_, as all below; the last continued first
  std::deque<Job> jobs_;
  std::vector<std::jthread> threads_;  // last, so that they end first
};

}  // namespace pfcache::fuse
