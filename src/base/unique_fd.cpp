#include "pfcache/unique_fd.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace pfcache {

void UniqueFd::reset() noexcept {
  // On Linux the descriptor is gone even when close() fails, EINTR included: never try again.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void take_standard_descriptors() noexcept {
  // The lowest free one is what open(2) gives.
  if (::fcntl(STDIN_FILENO, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_WRONLY));
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(output, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDONLY));
  }
}

}  // namespace pfcache
