// Memory for pages on their way, used again instead of being taken from the system page by page each time.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace pfcache::fuse {

/// Thread-safe. Keeps as many buffers as were in use at once, but no large ones.
class ScratchPool {
 public:
  class Buffer {
   public:
    explicit Buffer(std::size_t capacity)
        : bytes_(std::make_unique_for_overwrite<std::byte[]>(capacity)), capacity_(capacity) {}

    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::span<std::byte> first(std::size_t count) const noexcept { return {bytes_.get(), count}; }

   private:
    std::unique_ptr<std::byte[]> bytes_;
    std::size_t capacity_;
  };

  /// Calls `use` with `size_bytes` bytes of anything, which are taken back when it returns or throws.
  template <typename Use>
  auto with(std::size_t size_bytes, Use&& use) {
    Lease lease{*this, take(size_bytes)};
    return use(lease.buffer.first(size_bytes));
  }

  /// Frees what is kept.
  void clear() {
    const std::lock_guard lock(mutex_);
    free_.clear();
  }

 private:
  // A page of common geometries fits; 64 threads that met a larger one must not hold it for ever.
  static constexpr std::size_t kMaxKeptBytes = std::size_t{32} << 20U;

  struct Lease {
    ScratchPool& pool;
    Buffer buffer;
    ~Lease() { pool.give_back(std::move(buffer)); }
  };

  [[nodiscard]] Buffer take(std::size_t size_bytes) {
    {
      const std::lock_guard lock(mutex_);
      if (!free_.empty() && free_.back().capacity() >= size_bytes) {
        Buffer buffer = std::move(free_.back());
        free_.pop_back();
        return buffer;
      }
    }
    return Buffer(size_bytes);
  }

  void give_back(Buffer&& buffer) noexcept {
    if (buffer.capacity() > kMaxKeptBytes) return;
    const std::lock_guard lock(mutex_);
    // Pages of one mount have one size mostly: a smaller buffer was of another snapshot.
    if (!free_.empty() && free_.back().capacity() < buffer.capacity()) free_.clear();
    try {
      free_.push_back(std::move(buffer));
    } catch (...) {
      // Without the memory to note it the buffer just goes.
    }
  }

  std::mutex mutex_;
  std::vector<Buffer> free_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
