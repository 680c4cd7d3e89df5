// An output stream on a file descriptor that remembers why a write failed, which standard streams do not.
#pragma once

#include <array>
#include <cstddef>
#include <ostream>
#include <streambuf>

namespace pfcache::cli {

class FdStreambuf final : public std::streambuf {
 public:
  /// Borrows `fd`.
  explicit FdStreambuf(int fd);

  /// The errno of the write that failed; 0 while none did.
  [[nodiscard]] int error() const noexcept { return error_; }

 protected:
  int_type overflow(int_type character) override;
  int sync() override;

 private:
  static constexpr std::size_t kBufferBytes = std::size_t{64} * 1024;

  int fd_;
  int error_ = 0;
  std::array<char, kBufferBytes> buffer_{};
};

}  // namespace pfcache::cli
