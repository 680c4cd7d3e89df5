// Where the store's bytes are, counted now and then.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "pfcache/inspect.hpp"

namespace pfcache::fuse {

/// Counting reads every manifest and looks at every blob, which takes seconds for a million of them. So it is done on a
/// thread of its own with the lowest priority, when somebody asks for numbers and those there are have become old: of
/// `min_age` and of kRestShare times what the count took, so that however often one asks, a twentieth of one CPU is
/// all it takes. Thread-safe.
class StoreScan {
 public:
  using Clock = std::chrono::steady_clock;
  using Count = std::function<StoreStats(const std::stop_token& stop)>;

  struct Result {
    StoreStats stats;
    std::chrono::system_clock::time_point ended;
    std::chrono::duration<double> took{0};
  };

  static constexpr std::chrono::seconds kMinAge{10};
  static constexpr unsigned kRestShare = 19;

  /// REQUIRES: what `count` uses outlives this object.
  explicit StoreScan(Count count, Clock::duration min_age = kMinAge);
  ~StoreScan();
  StoreScan(const StoreScan&) = delete;
  StoreScan& operator=(const StoreScan&) = delete;

  /// The last count, and has another one begin when that is old. Waits for the first one, but not for long: nothing
  /// when there is none yet.
  [[nodiscard]] std::optional<Result> latest();

 private:
  void work(const std::stop_token& stop);
  void scan(const std::stop_token& stop);
  [[nodiscard]] bool is_due() const;

  const Count count_;
  const Clock::duration min_age_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::optional<Result> result_;  // guarded by mutex_, as all below
  bool is_wanted_ = false;
  std::optional<Clock::time_point> ended_;  // the last attempt
  Clock::duration took_{};
  std::jthread thread_;  // last, so that it ends first
};

}  // namespace pfcache::fuse
