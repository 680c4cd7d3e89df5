#include "cas/scratch.hpp"

#include <algorithm>
#include <array>
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

// As many as are ever in use at once: a file's bytes, the planes made of them, and the blob that these make.
thread_local std::array<Kept, 3> kept;

}  // namespace

Scratch::Scratch(std::size_t size_bytes) : size_bytes_(size_bytes) {
  // The smallest that suffices, so that a larger one stays for whoever needs it.
  Kept* best = nullptr;
  for (Kept& each : kept) {
    if (!each.memory || each.capacity_bytes < size_bytes) continue;
    if (best == nullptr || each.capacity_bytes < best->capacity_bytes) best = &each;
  }
  if (best != nullptr) {
    capacity_bytes_ = std::exchange(best->capacity_bytes, 0);
    memory_ = std::move(best->memory);
    return;
  }
  memory_ = std::make_unique_for_overwrite<std::byte[]>(size_bytes);
  capacity_bytes_ = size_bytes;
}

Scratch::~Scratch() {
  if (capacity_bytes_ > kMaxKeptBytes) return;
  Kept& smallest = *std::ranges::min_element(kept, {}, &Kept::capacity_bytes);
  if (smallest.capacity_bytes >= capacity_bytes_) return;
  smallest = {capacity_bytes_, std::move(memory_)};
}

}  // namespace pfcache
