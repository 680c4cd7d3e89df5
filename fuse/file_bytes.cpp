#include "fuse/file_bytes.hpp"

#include <unistd.h>

#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache::fuse {

void write_all(int fd, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno("writing a hot file");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (got < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno("reading a hot file");
    }
    if (got == 0) return false;
    offset += static_cast<std::uint64_t>(got);
    out = out.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

}  // namespace pfcache::fuse
