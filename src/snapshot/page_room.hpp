// Memory that pages are copied into while an engine waits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pfcache/pager.hpp"

namespace pfcache {

/// Fresh memory costs a page fault for each part of it that is first touched, several times as much as the copy into
/// it: prepare() pays that before the pause. In huge pages where the system has them.
class PageRoom {
 public:
  PageRoom() = default;
  PageRoom(const PageRoom&) = delete;
  PageRoom& operator=(const PageRoom&) = delete;
  ~PageRoom();

  /// Takes and touches room for `bytes`, as far as that works: what it fails to do, require() does.
  void prepare(std::uint64_t bytes) noexcept;

  /// Makes sure of room for `pages` pages whose K and V have `page_bytes` each. What was prepared is used.
  /// Throws: std::bad_alloc.
  void require(std::size_t pages, std::uint64_t page_bytes);

  /// REQUIRES: i is below the number of pages required.
  [[nodiscard]] MutablePageView page(std::size_t i) noexcept;

 private:
  [[nodiscard]] bool grow(std::size_t bytes) noexcept;

  std::byte* memory_ = nullptr;
  std::size_t capacity_bytes_ = 0;
  std::size_t page_bytes_ = 0;
};

}  // namespace pfcache
