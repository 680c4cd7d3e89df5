// Threads for work that nobody waits for yet.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace pfcache {

/// Begins with the first task. Tasks throw nothing; those that were not begun when this object goes are dropped.
/// Thread-safe.
class StagingWorkers {
 public:
  explicit StagingWorkers(unsigned threads) : thread_count_(threads) {}
  ~StagingWorkers();
  StagingWorkers(const StagingWorkers&) = delete;
  StagingWorkers& operator=(const StagingWorkers&) = delete;

  void post(std::function<void()> task);

 private:
  void run(const std::stop_token& stop);

  const unsigned thread_count_;
  std::mutex mutex_;
  std::condition_variable_any has_task_;
  std::deque<std::function<void()>> tasks_;  // guarded by mutex_
  std::vector<std::jthread> threads_;        // guarded by mutex_; last, so that they end first
};

}  // namespace pfcache
