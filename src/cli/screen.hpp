// The whole terminal, taken for a picture that is drawn over and over, and given back as it was.
//
// One thread. Throws nothing but what the stream throws.
#pragma once

#include <termios.h>

#include <chrono>
#include <iosfwd>
#include <optional>
#include <stop_token>
#include <string_view>

namespace pfcache::cli {

/// Shows its own page of the terminal while it lives, and takes keys without echo as they are pressed. Keys that send
/// signals still do, but the one that stops a program: nobody would give the terminal back then.
class Screen {
 public:
  /// REQUIRES: `out` outlives this object and is a terminal. Keys come from `in_fd` if that is a terminal, too.
  Screen(std::ostream& out, int in_fd);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  /// Draws lines, each with its end, in place of what was there.
  void draw(std::string_view lines);

  /// Waits until `pause` is over, a stop is requested, or a key is pressed: then that one. A terminal that was hung up
  /// counts as `q`.
  [[nodiscard]] std::optional<char> wait_for_key(std::chrono::steady_clock::duration pause,
                                                 const std::stop_token& stop);

 private:
  std::ostream& out_;
  const int in_fd_;
  std::optional<termios> before_;  // nothing when keys aren't taken
};

}  // namespace pfcache::cli
