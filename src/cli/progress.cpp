#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "cli/text.hpp"

namespace pfcache::cli {
namespace {

constexpr std::chrono::milliseconds kBetweenDraws{100};
constexpr std::size_t kBarWidth = 24;
constexpr const char* kToLineStart = "\r\x1b[K";  // and what was there is erased

std::string clock_text(double seconds) {
  const auto whole = static_cast<std::uint64_t>(seconds + 0.5);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02} min", whole / 60, whole % 60);
  return fmt::format("{}:{:02} h", whole / 3600, whole / 60 % 60);
}

}  // namespace

Progress::Progress(std::ostream& out, std::string what, std::uint64_t total_bytes, const Style& style, Clock clock)
    : out_(out),
      what_(std::move(what)),
      total_bytes_(total_bytes),
      style_(style),
      clock_(std::move(clock)),
      start_(clock_()),
      next_draw_(start_ + kBetweenDraws) {}

Progress::~Progress() {
  if (is_drawn_) out_ << kToLineStart << std::flush;
}

void Progress::add(std::uint64_t bytes) {
  if (!style_.is_shown) return;
  const std::lock_guard lock(mutex_);
  done_bytes_ += bytes;
  const auto now = clock_();
  if (now < next_draw_) return;
  next_draw_ = now + kBetweenDraws;
  draw(now);
}

void Progress::draw(std::chrono::steady_clock::time_point now) {
  is_drawn_ = true;
  out_ << kToLineStart << line(std::chrono::duration<double>(now - start_).count()) << std::flush;
}

std::string Progress::line(double seconds) const {
  const std::uint64_t done_bytes = std::min(done_bytes_, total_bytes_);
  const double share = total_bytes_ == 0 ? 1 : static_cast<double>(done_bytes) / static_cast<double>(total_bytes_);
  const double rate = static_cast<double>(done_bytes) / seconds;
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(kBarWidth));
  std::string text = fmt::format("{} [{}{}{}{}] {:3.0f} %  {} of {}  {}/s", what_, style_.has_color ? "\x1b[32m" : "",
                                 std::string(filled, '#'), style_.has_color ? "\x1b[0m" : "",
                                 std::string(kBarWidth - filled, '-'), 100 * share, human_bytes(done_bytes),
                                 human_bytes(total_bytes_), human_bytes(static_cast<std::uint64_t>(rate)));
  if (done_bytes > 0)
    text += fmt::format("  {} left", clock_text(static_cast<double>(total_bytes_ - done_bytes) / rate));
  return text;
}

}  // namespace pfcache::cli
