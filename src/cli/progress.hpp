// How far a command is, shown on standard error while it works.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>

#include "cli/progress_text.hpp"
#include "cli/status_line.hpp"
#include "pfcache/progress.hpp"

namespace pfcache::cli {

enum class ProgressStyle {
  none,
  line,          ///< of a terminal, drawn ten times a second
  colored_line,  ///< the same
  records,       ///< a line of JSON a second
};

/// Shows what its listener is told, from a thread of its own: work never waits for a terminal, and the time that is
/// left goes on while nothing is told. What is done at once is not shown at all. The line is gone with the object, and
/// when a stop is requested. The listener is thread-safe.
class Progress {
 public:
  /// REQUIRES: `line` outlives this object.
  Progress(StatusLine& line, ProgressStyle style, std::string command, std::stop_token stop);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// REQUIRES: what it returns is not called when this object is gone.
  [[nodiscard]] OnProgress listener();

 private:
  void note(const ProgressEvent& event);
  void run(const std::stop_token& end);
  void show(const ProgressState& state);

  StatusLine& line_;
  const ProgressStyle style_;
  const std::stop_token stop_;
  std::mutex mutex_;
  std::condition_variable_any ending_;
  ProgressState state_;  // guarded by mutex_, as the next; without a phase before the first event
  std::chrono::steady_clock::time_point began_;  // the phase
  std::jthread thread_;                          // last: it uses all others
};

}  // namespace pfcache::cli
