// Memory that the threads of one piece of work take in turns: fresh memory costs a page fault for every 4 KiB.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

namespace pfcache {

/// Keeps as many buffers as were ever in use at once, until it goes. Thread-safe.
class BufferPool {
 public:
  /// Calls `use` with room for `size_bytes`, with whatever is in it.
  template <typename Use>
  void with(std::size_t size_bytes, Use&& use) {
    Buffer buffer = take();
    if (buffer.capacity_bytes < size_bytes || !buffer.memory) {
      buffer = {};  // given back before more is taken
      buffer = {size_bytes, std::make_unique_for_overwrite<std::byte[]>(size_bytes)};
    }
    use(std::span(buffer.memory.get(), size_bytes));
    const std::scoped_lock lock(mutex_);
    free_.push_back(std::move(buffer));
  }

 private:
  struct Buffer {
    std::size_t capacity_bytes = 0;
    std::unique_ptr<std::byte[]> memory;
  };

  [[nodiscard]] Buffer take() {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) return {};
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }

  std::mutex mutex_;
  std::vector<Buffer> free_;  // guarded by mutex_
};

}  // namespace pfcache
