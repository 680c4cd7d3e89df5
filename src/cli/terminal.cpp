#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace pfcache::cli {

TerminalSize terminal_size(int fd) noexcept {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0) return {};
  return {size.ws_col, size.ws_row};
}

std::optional<std::size_t> terminal_columns(int fd) noexcept {
  if (::isatty(fd) == 0) return std::nullopt;
  // Fails on a terminal that doesn't control us: nobody has jobs there.
  const pid_t job = ::tcgetpgrp(fd);
  if (job > 0 && job != ::getpgrp()) return std::nullopt;
  return terminal_size(fd).columns;
}

}  // namespace pfcache::cli
