// Turns the first signal that asks the program to end into a stop request, and lets the second one kill it.
#pragma once

#include <atomic>
#include <csignal>
#include <stop_token>
#include <thread>

#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {

/// Watches SIGINT, SIGTERM and SIGHUP, except those the program was started to ignore (nohup, a shell's background),
/// while it lives. REQUIRES: made before any other thread, since threads inherit what it blocks.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  [[nodiscard]] std::stop_token token() const noexcept { return source_.get_token(); }

  /// The signal that requested the stop; 0 before.
  [[nodiscard]] int signal() const noexcept { return signal_; }

 private:
  void watch();

  sigset_t watched_{};
  UniqueFd signals_;
  UniqueFd end_;  // an eventfd that tells the thread to end
  std::stop_source source_;
  std::atomic<int> signal_ = 0;
  std::jthread thread_;
};

}  // namespace pfcache::cli
