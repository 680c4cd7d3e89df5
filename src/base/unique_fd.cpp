#include "pfcache/unique_fd.hpp"

#include <unistd.h>

namespace pfcache {

void UniqueFd::reset() noexcept {
  // On Linux the descriptor is gone even when close() fails, EINTR included: never try again.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

}  // namespace pfcache
