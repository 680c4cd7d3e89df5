#include "fuse/log.hpp"

#include <fmt/format.h>
#include <syslog.h>

#include <cstdio>
#include <string>
#include <utility>

namespace pfcache::fuse {
namespace {

// Digests whose last line is remembered. Beyond it all are forgotten: a store damaged that widely may be told of twice.
constexpr std::size_t kMaxRemembered = 4096;

}  // namespace

Log::Log(Sink sink, Clock::duration quiet_time) : sink_(std::move(sink)), quiet_time_(quiet_time) {}

void Log::tell(std::string_view line) {
  const std::lock_guard lock(mutex_);
  sink_(line);
}

void Log::tell_about(const Digest& digest, std::string_view line) {
  const std::lock_guard lock(mutex_);
  if (is_due(digest)) sink_(line);
}

bool Log::is_due(const Digest& digest) {
  const Clock::time_point now = Clock::now();
  const auto found = told_.find(digest);
  if (found != told_.end() && now - found->second < quiet_time_) return false;
  if (told_.size() >= kMaxRemembered) told_.clear();
  told_[digest] = now;
  return true;
}

void Log::set_sink(Sink sink) {
  const std::lock_guard lock(mutex_);
  sink_ = std::move(sink);
}

void Log::to_stderr(std::string_view line) {
  const std::string text = fmt::format("mount.pfcache: {}\n", line);
  std::fwrite(text.data(), 1, text.size(), stderr);
}

void Log::to_syslog(std::string_view line) {
  ::syslog(LOG_DAEMON | LOG_ERR, "%.*s", static_cast<int>(line.size()), line.data());
}

}  // namespace pfcache::fuse
