#include "snapshot/page_room.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <new>

namespace pfcache {
namespace {

void touch(std::byte* memory, std::size_t bytes) noexcept {
  if (::madvise(memory, bytes, MADV_POPULATE_WRITE) == 0 || errno == ENOMEM) return;
  // A kernel before 5.14.
  const auto step = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  for (std::size_t at = 0; at < bytes; at += step) const_cast<volatile std::byte*>(memory)[at] = std::byte{0};
}

}  // namespace

PageRoom::~PageRoom() {
  if (memory_ != nullptr) ::munmap(memory_, capacity_bytes_);
}

bool PageRoom::grow(std::size_t bytes) noexcept {
  if (bytes <= capacity_bytes_) return true;
  void* const grown =
      memory_ != nullptr
          ? ::mremap(memory_, capacity_bytes_, bytes, MREMAP_MAYMOVE)  // what was touched stays so
          : ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (grown == MAP_FAILED) return false;
  memory_ = static_cast<std::byte*>(grown);
  capacity_bytes_ = bytes;
  // Only a hint: failing changes nothing but the speed.
  ::madvise(memory_, capacity_bytes_, MADV_HUGEPAGE);
  return true;
}

void PageRoom::prepare(std::uint64_t bytes) noexcept {
  if (bytes == 0 || !grow(bytes)) return;
  touch(memory_, bytes);
}

void PageRoom::require(std::size_t pages, std::uint64_t page_bytes) {
  page_bytes_ = page_bytes;
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(2 * page_bytes, pages, &bytes) || !grow(bytes)) throw std::bad_alloc();
}

MutablePageView PageRoom::page(std::size_t i) noexcept {
  std::byte* const k = memory_ + 2 * page_bytes_ * i;
  return {{k, page_bytes_}, {k + page_bytes_, page_bytes_}};
}

}  // namespace pfcache
