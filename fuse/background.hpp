// Becoming a daemon, without its starter leaving before it serves.
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

 private:
  UniqueFd line_;
};

/// Calls `daemon` in a new process and returns there what it returns. Here, returns 0 once it has called
/// Starter::release(), or its exit status when it ended before. REQUIRES: this process has one thread.
/// Throws: system errors.
int run_in_background(const std::function<int(Starter&)>& daemon);

}  // namespace pfcache::fuse
