#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

namespace pfcache::cli {

std::optional<std::size_t> terminal_columns(int fd) noexcept {
  if (::isatty(fd) == 0) return std::nullopt;
  // Fails on a terminal that doesn't control us: nobody has jobs there.
  const pid_t job = ::tcgetpgrp(fd);
  if (job > 0 && job != ::getpgrp()) return std::nullopt;
  winsize size{};
  return ::ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

}  // namespace pfcache::cli
