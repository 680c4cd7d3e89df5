// What the daemon tells its operator: one line a message, to stderr or syslog.
#pragma once

#include <chrono>
#include <functional>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "pfcache/digest.hpp"

namespace pfcache::fuse {

/// Thread-safe.
class Log {
 public:
  using Sink = std::function<void(std::string_view)>;
  using Clock = std::chrono::steady_clock;

  /// `quiet_time`: for how long tell_about() stays silent about the same thing.
  explicit Log(Sink sink = to_stderr, Clock::duration quiet_time = std::chrono::minutes(1));

  void tell(std::string_view line);

  /// As tell(), unless the same digest was told about within the quiet time: a damaged page that an engine reads in a
  /// loop must not fill the log.
  void tell_about(const Digest& digest, std::string_view line);

  void set_sink(Sink sink);

  static void to_stderr(std::string_view line);
  static void to_syslog(std::string_view line);

 private:
  [[nodiscard]] bool is_due(const Digest& digest);

  std::mutex mutex_;
  Sink sink_;                                           // guarded by mutex_
  std::unordered_map<Digest, Clock::time_point> told_;  // guarded by mutex_
  const Clock::duration quiet_time_;
};

}  // namespace pfcache::fuse
