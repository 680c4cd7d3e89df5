// The whole terminal, taken for a picture that is drawn over and over, and given back as it was.
//
// One thread. Throws nothing but what the stream throws.
#pragma once

#include <termios.h>

#include <chrono>
#include <functional>
#include <iosfwd>
#include <optional>
#include <stop_token>
#include <string>

#include "cli/terminal.hpp"

namespace pfcache::cli {

/// Shows its own page of the terminal while it lives, and takes keys without echo as they are pressed. Keys that send
/// signals still do, but the one that stops a program: nobody would give the terminal back then.
class Screen {
 public:
  /// REQUIRES: `out` outlives this object and is a terminal, whose size `size` tells. Keys come from `in_fd` if that is
  /// a terminal, too.
  Screen(std::ostream& out, int in_fd, std::function<TerminalSize()> size);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Draws, in place of what was there, the lines that `lines_for` gives for the size that the terminal has. Each has
  /// its end.
  void draw(const std::function<std::string(const TerminalSize&)>& lines_for);

  /// Waits until `pause` is over, a stop is requested, the terminal gets another size than it was drawn on, or a key is
  /// pressed: then that one. A terminal that was hung up counts as `q`.
  [[nodiscard]] std::optional<char> wait_for_key(std::chrono::steady_clock::duration pause,
                                                 const std::stop_token& stop);

 private:
  std::ostream& out_;
  const int in_fd_;
  const std::function<TerminalSize()> size_;
  TerminalSize drawn_on_;
  std::optional<termios> before_;  // nothing when keys aren't taken
};

}  // namespace pfcache::cli
