#include "cas/scratch.hpp"

#include <utility>

namespace pfcache {
namespace {

// Fresh memory costs a page fault for every 4 KiB, as much as the work done in it; but a thread that once saw a huge
// blob must not hold on to its size for ever.
constexpr std::size_t kMaxKeptBytes = std::size_t{16} << 20;

struct Kept {
  std::size_t capacity_bytes = 0;
  std::unique_ptr<std::byte[]> memory;
};

thread_local Kept kept;

}  // namespace

Scratch::Scratch(std::size_t size_bytes)
    : size_bytes_(size_bytes), capacity_bytes_(std::exchange(kept.capacity_bytes, 0)), memory_(std::move(kept.memory)) {
  if (capacity_bytes_ >= size_bytes_ && memory_) return;
  memory_ = std::make_unique_for_overwrite<std::byte[]>(size_bytes_);
  capacity_bytes_ = size_bytes_;
}

Scratch::~Scratch() {
  if (capacity_bytes_ > kMaxKeptBytes) return;
  kept.memory = std::move(memory_);
  kept.capacity_bytes = capacity_bytes_;
}

}  // namespace pfcache
