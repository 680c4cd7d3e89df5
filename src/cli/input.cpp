#include "cli/input.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

constexpr int kStopPollMs = 100;
constexpr std::size_t kPieceBytes = std::size_t{1} << 20;

/// Signals are not taken by this thread, so that waiting in read() would not end by one.
void wait_for_input(int fd, const std::stop_token& stop) {
  pollfd file = {fd, POLLIN, 0};
  int ready = 0;
  while (ready == 0) {
    if (stop.stop_requested()) throw Error(Errc::interrupted, "stopped on request");
    ready = ::poll(&file, 1, kStopPollMs);
    if (ready < 0 && errno == EINTR) ready = 0;
    if (ready < 0) throw Error::from_last_errno("cannot wait for standard input");
  }
}

}  // namespace

std::vector<std::byte> read_to_end(int fd, std::uint64_t limit_bytes, const std::stop_token& stop) {
  std::vector<std::byte> bytes;
  while (true) {
    wait_for_input(fd, stop);
    const std::size_t before = bytes.size();
    // One byte above the limit is enough to know that there is more.
    const std::uint64_t piece = std::min<std::uint64_t>(kPieceBytes, limit_bytes - before + 1);
    bytes.resize(before + piece);
    const ssize_t count = ::read(fd, bytes.data() + before, piece);
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return bytes;
    if (count < 0 && errno != EINTR && errno != EAGAIN) throw Error::from_last_errno("cannot read standard input");
    if (bytes.size() > limit_bytes) {
      throw Error(Errc::too_large, fmt::format("standard input: more than {} bytes", limit_bytes));
    }
  }
}

}  // namespace pfcache::cli
