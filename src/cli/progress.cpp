#include "cli/progress.hpp"

#include <utility>

namespace pfcache::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kBetweenDraws{100};
constexpr std::chrono::milliseconds kBetweenRecords{1000};

}  // namespace

Progress::Progress(StatusLine& line, ProgressStyle style, std::string command, std::stop_token stop)
    : line_(line), style_(style), stop_(std::move(stop)) {
  state_.command = std::move(command);
  if (style_ != ProgressStyle::none) thread_ = std::jthread([this](const std::stop_token& end) { run(end); });
}

Progress::~Progress() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
  line_.erase();
}

OnProgress Progress::listener() {
  if (style_ == ProgressStyle::none) return {};
  return [this](const ProgressEvent& event) { note(event); };
}

void Progress::note(const ProgressEvent& event) {
  const std::scoped_lock lock(mutex_);
  if (state_.phase != event.phase) began_ = Clock::now();
  state_.phase = event.phase;
  state_.noun = event.noun;
  state_.done = event.done;
  state_.total = event.total;
}

void Progress::run(const std::stop_token& end) {
  const auto pause = style_ == ProgressStyle::records ? kBetweenRecords : kBetweenDraws;
  std::unique_lock lock(mutex_);
  while (!ending_.wait_for(lock, end, pause, [&] { return end.stop_requested(); })) {
    if (state_.phase.empty()) continue;
    ProgressState now = state_;
    now.seconds = std::chrono::duration<double>(Clock::now() - began_).count();
    lock.unlock();
    show(now);
    lock.lock();
  }
}

void Progress::show(const ProgressState& state) {
  // A second signal kills the program, and nobody would take the line away.
  if (stop_.stop_requested()) return line_.erase();
  if (style_ == ProgressStyle::records) return line_.say(progress_record(state));
  const bool has_color = style_ == ProgressStyle::colored_line;
  line_.draw([&](std::size_t columns) { return progress_line(state, columns, has_color); });
}

}  // namespace pfcache::cli
