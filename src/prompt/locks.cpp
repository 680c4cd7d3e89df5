#include "prompt/locks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <limits>
#include <thread>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"
#include "prompt/prompt_header.hpp"

namespace pfcache {
namespace {

constexpr std::chrono::milliseconds kRetryEvery{2};

/// A duplicate would share the lock with every other, so the directory is opened again.
UniqueFd open_again(const Directory& directory) {
  UniqueFd fd(::openat(directory.fd(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw Error::from_last_errno(fmt::format("cannot open directory '{}'", directory.path()));
  return fd;
}

bool lock_alone(int fd) noexcept {
  while (::flock(fd, LOCK_EX) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

}  // namespace

DirectoryLock::DirectoryLock(const Directory& directory, std::chrono::milliseconds wait) : fd_(open_again(directory)) {
  const auto deadline = std::chrono::steady_clock::now() + wait;
  while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw Error::from_last_errno(fmt::format("cannot lock '{}'", directory.path()));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error(Errc::busy, fmt::format("another process holds '{}'", directory.path()));
    }
    std::this_thread::sleep_for(kRetryEvery);
  }
}

void lock_temp_file(int fd) noexcept { std::ignore = ::flock(fd, LOCK_EX | LOCK_NB); }

bool is_unlocked(int fd) noexcept { return ::flock(fd, LOCK_EX | LOCK_NB) == 0; }

HeaderLock::HeaderLock(int fd) noexcept : fd_(fd), is_held_(lock_alone(fd)) {}

HeaderLock::~HeaderLock() {
  if (is_held_) std::ignore = ::flock(fd_, LOCK_UN);
}

void touch_prompt(FileOps& ops, int fd, std::uint64_t now_unix_secs) noexcept {
  const HeaderLock lock(fd);
  if (!lock.is_held()) return;
  std::array<std::byte, kUseEnd - kHitCountOffset> use{};
  if (::pread(fd, use.data(), use.size(), kHitCountOffset) == ssize_t{use.size()}) {
    const auto count = load_le<std::uint32_t>(use);
    if (count < std::numeric_limits<std::uint32_t>::max()) store_le(count + 1, std::span<std::byte>(use));
    store_le(now_unix_secs, std::span<std::byte>(use).subspan(kLastUsedOffset - kHitCountOffset));
    // One write within one block: no crash comes between the count and the time.
    std::ignore = ops.pwrite(fd, use.data(), use.size(), kHitCountOffset);
  }
}

}  // namespace pfcache
