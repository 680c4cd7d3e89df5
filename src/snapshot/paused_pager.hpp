// A pager that stands still for as long as this object lives.
#pragma once

#include <chrono>
#include <utility>

#include "pfcache/pager.hpp"

namespace pfcache {

/// pause() in the constructor, and exactly one resume(): by resume(), or else in the destructor.
class PausedPager {
 public:
  explicit PausedPager(CachePager& pager) : pager_(&pager) {
    pager.pause();
    paused_at_ = std::chrono::steady_clock::now();
  }
  PausedPager(const PausedPager&) = delete;
  PausedPager& operator=(const PausedPager&) = delete;
  ~PausedPager() {
    if (pager_ == nullptr) return;
    try {
      resume();
    } catch (...) {  // Another exception is on its way, and it is the reason why we are here: it wins.
    }
  }

  /// Throws: what the pager throws. REQUIRES: not called before.
  void resume() {
    pause_ = std::chrono::steady_clock::now() - paused_at_;
    std::exchange(pager_, nullptr)->resume();
  }

  /// How long the pause lasted. REQUIRES: resume() was called, whether it succeeded or not.
  [[nodiscard]] std::chrono::nanoseconds pause() const noexcept { return pause_; }

 private:
  CachePager* pager_;
  std::chrono::steady_clock::time_point paused_at_;
  std::chrono::nanoseconds pause_{0};
};

}  // namespace pfcache
