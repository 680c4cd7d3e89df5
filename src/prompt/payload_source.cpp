#include "prompt/payload_source.hpp"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/parallel.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr int kLookEveryMs = 100;

/// Returns when there is something to read, or the end, or an error that read() will tell.
void wait_for_bytes(int fd, const std::stop_token& stop) {
  pollfd wanted{.fd = fd, .events = POLLIN, .revents = 0};
  while (::poll(&wanted, 1, kLookEveryMs) == 0) throw_if_stopped(stop);
}

}  // namespace

std::size_t SpanSource::read(std::span<std::byte> out) {
  const std::size_t size = std::min(out.size(), left_.size());
  std::copy_n(left_.begin(), size, out.begin());
  left_ = left_.subspan(size);
  return size;
}

std::optional<std::uint64_t> FdSource::size_bytes() const {
  struct stat st {};
  const off_t position = ::lseek(fd_, 0, SEEK_CUR);
  if (position < 0 || ::fstat(fd_, &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  return static_cast<std::uint64_t>(std::max<off_t>(st.st_size - position, 0));
}

std::size_t FdSource::read(std::span<std::byte> out) {
  std::size_t done = 0;
  while (done < out.size()) {
    wait_for_bytes(fd_, stop_);
    const ssize_t count = ::read(fd_, out.data() + done, out.size() - done);
    if (count == 0) break;
    if (count < 0 && errno != EINTR) throw Error::from_last_errno("cannot read the payload");
    if (count > 0) done += static_cast<std::size_t>(count);
  }
  return done;
}

std::size_t LoadedSource::read(std::span<std::byte> out) {
  const auto part = out.first(std::min<std::uint64_t>(out.size(), *size_bytes() - at_));
  prompt_.read_payload(at_, part);
  at_ += part.size();
  return part.size();
}

}  // namespace pfcache
