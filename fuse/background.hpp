// Becoming a daemon, without its starter leaving before it serves.
//
// For a process with one thread. Throws: system errors.
#pragma once

#include <functional>

#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

/// The daemon's line to the process that waits for it.
class Starter {
 public:
  explicit Starter(UniqueFd line) noexcept : line_(std::move(line)) {}

  /// Lets the waiting process end with success and cuts what ties the daemon to it: session, working directory, stdio.
  void release() noexcept;

  [[nodiscard]] bool has_released() const noexcept { return !line_; }

 private:
  UniqueFd line_;
};

/// Calls `daemon` in a new process and returns there what it returns. Here, returns 0 once it has called
/// Starter::release(), or its exit status when it ended before: kExitInterrupted when a signal did that, which may have
/// come to this process. REQUIRES: this process has one thread.
int run_in_background(const std::function<int(Starter&)>& daemon);

}  // namespace pfcache::fuse
