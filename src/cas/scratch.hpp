// Working memory of this room's functions, kept by each thread for its next call.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

namespace pfcache {

/// Room for `size_bytes`, with whatever is in it. A thread may use several at a time.
class Scratch {
 public:
  explicit Scratch(std::size_t size_bytes);
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return {memory_.get(), size_bytes_}; }

 private:
  std::size_t size_bytes_;
  std::size_t capacity_bytes_ = 0;
  std::unique_ptr<std::byte[]> memory_;
};

}  // namespace pfcache
