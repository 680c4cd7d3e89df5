#include "cli/screen.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

namespace pfcache::cli {
namespace {

using Clock = std::chrono::steady_clock;

// xterm(1) calls them private modes: the alternate page, the cursor, and lines that go on in the next row. Without the
// last a narrow terminal cuts lines off instead.
constexpr std::string_view kTake = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[H\x1b[2J";
constexpr std::string_view kGiveBack = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Signals are not taken by this thread, so that waiting would not end by one: neither by those that ask for an end nor
/// by that of another size.
constexpr std::chrono::milliseconds kPoll{100};

std::optional<termios> modes_of(int fd) {
  termios modes{};
  return ::tcgetattr(fd, &modes) == 0 ? std::optional(modes) : std::nullopt;
}

}  // namespace

Screen::Screen(std::ostream& out, int in_fd, std::function<TerminalSize()> size)
    : out_(out), in_fd_(in_fd), size_(std::move(size)), before_(modes_of(in_fd)) {
  if (before_) {
    termios modes = *before_;
    modes.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    modes.c_cc[VMIN] = 1;
    modes.c_cc[VTIME] = 0;
    modes.c_cc[VSUSP] = _POSIX_VDISABLE;
    ::tcsetattr(in_fd_, TCSADRAIN, &modes);
  }
  out_ << kTake << std::flush;
}

Screen::~Screen() {
  out_ << kGiveBack << std::flush;
  if (before_) ::tcsetattr(in_fd_, TCSADRAIN, &*before_);
}

void Screen::draw(const std::function<std::string(const TerminalSize&)>& lines_for) {
  drawn_on_ = size_();
  const std::string whole = lines_for(drawn_on_);
  std::string_view lines = whole;
  std::string text = "\x1b[H";
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    text.append(lines.substr(0, end)).append("\x1b[K");
    lines.remove_prefix(std::min(end + 1, lines.size()));
    // Behind the last line a terminal of as many rows would scroll.
    text += lines.empty() ? "" : "\r\n";
  }
  out_ << text << "\x1b[J" << std::flush;
}

std::optional<char> Screen::wait_for_key(Clock::duration pause, const std::stop_token& stop) {
  const auto end = Clock::now() + pause;
  while (!stop.stop_requested()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0 || size_() != drawn_on_) return std::nullopt;
    pollfd file = {before_ ? in_fd_ : -1, POLLIN, 0};
    if (::poll(&file, 1, static_cast<int>(std::min(left, kPoll).count())) <= 0) continue;
    char key = 0;
    return ::read(in_fd_, &key, 1) == 1 ? key : 'q';
  }
  return std::nullopt;
}

}  // namespace pfcache::cli
