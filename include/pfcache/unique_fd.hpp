// An owned file descriptor.
//
// Example:
//
//   #include <pfcache/unique_fd.hpp>
//   #include <fcntl.h>
//
//   int main() {
//     const pfcache::UniqueFd directory(open(".", O_RDONLY | O_DIRECTORY));
//     return directory ? 0 : 1;
//   }
#pragma once

#include <utility>

#pragma GCC visibility push(default)
namespace pfcache {

/// Closes its descriptor when it goes. -1 is "none". Movable, not copyable.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~UniqueFd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;

 private:
  int fd_ = -1;
};

/// Takes the descriptors 0, 1 and 2 where they are closed, so that no file that is opened later is somebody's standard
/// output. Reading from 0 and writing to 1 and 2 goes on failing there. For the beginning of main().
void take_standard_descriptors() noexcept;

}  // namespace pfcache
#pragma GCC visibility pop
