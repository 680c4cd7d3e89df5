#include "fuse/store_scan.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <utility>

namespace pfcache::fuse {
namespace {

// A store of some thousand blobs is counted within it, so that its numbers are in the first answer.
constexpr std::chrono::milliseconds kPatience{100};

constexpr int kLowestPriority = 19;

// Of this thread alone, which is Linux' way.
void take_lowest_priority() noexcept {
  static_cast<void>(::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kLowestPriority));
}

}  // namespace

StoreScan::StoreScan(Count count, Clock::duration min_age) : count_(std::move(count)), min_age_(min_age) {}

StoreScan::~StoreScan() = default;

std::optional<StoreScan::Result> StoreScan::latest() {
  std::unique_lock lock(mutex_);
  if (is_due()) {
    is_wanted_ = true;
    if (!thread_.joinable()) thread_ = std::jthread([this](const std::stop_token& stop) { work(stop); });
    changed_.notify_all();
  }
  if (!ended_) changed_.wait_for(lock, kPatience, [&] { return ended_.has_value(); });
  return result_;
}

bool StoreScan::is_due() const {
  return !is_wanted_ && (!ended_ || Clock::now() - *ended_ >= std::max(min_age_, kRestShare * took_));
}

void StoreScan::work(const std::stop_token& stop) {
  take_lowest_priority();
  while (true) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return is_wanted_; })) return;
    }
    scan(stop);
    changed_.notify_all();
  }
}

// A store that can't be counted now keeps its last numbers, and is tried again in its time.
void StoreScan::scan(const std::stop_token& stop) {
  const Clock::time_point start = Clock::now();
  std::optional<StoreStats> stats;
  try {
    stats = count_(stop);
  } catch (const std::exception&) {
    stats.reset();
  }
  const std::lock_guard lock(mutex_);
  ended_ = Clock::now();
  took_ = *ended_ - start;
  if (stats) result_ = {*std::move(stats), std::chrono::system_clock::now(), took_};
  is_wanted_ = false;
}

}  // namespace pfcache::fuse
