#include "snapshot/staging_workers.hpp"

#include <sched.h>

#include "base/parallel.hpp"

namespace pfcache {
namespace {

// Whoever writes pages is to get the CPU first, all of it. Those who wait for the work do it themselves, at their own
// priority.
void step_back() noexcept {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
}

}  // namespace

StagingWorkers::~StagingWorkers() {
  const std::scoped_lock lock(mutex_);
  tasks_.clear();
  for (std::jthread& thread : threads_) thread.request_stop();
}

void StagingWorkers::post(std::function<void()> task) {
  const std::scoped_lock lock(mutex_);
  tasks_.push_back(std::move(task));
  if (threads_.size() < thread_count(thread_count_)) {
    threads_.emplace_back([this](const std::stop_token& stop) { run(stop); });
  }
  has_task_.notify_one();
}

void StagingWorkers::run(const std::stop_token& stop) {
  step_back();
  while (true) {
    std::function<void()> task;
    {
      std::unique_lock lock(mutex_);
      if (!has_task_.wait(lock, stop, [this] { return !tasks_.empty(); })) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace pfcache
