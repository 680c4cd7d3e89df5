// A hash table of small records, for a hundred thousand inodes at some 30 bytes each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pfcache::fuse {

/// What is kept of one inode.
struct InodeRecord {
  std::uint64_t id = 0;                ///< 0 = an empty place
  std::uint64_t lookups_and_kind = 0;  ///< 56 bits that count, 8 bits of NodeKind
  std::uint32_t owner = 0;             ///< what keeps the content alive, see InodeTable
  std::uint32_t row = 0;
};

/// Open addressing with linear probing: no pointers, no memory a record. Ids must be well spread. Not thread-safe.
class RecordTable {
 public:
  [[nodiscard]] InodeRecord* find(std::uint64_t id) noexcept;

  /// Adds a record; pointers that find() gave are then invalid. REQUIRES: its id is not 0 and not there.
  void insert(const InodeRecord& record);

  /// REQUIRES: the id is there. Pointers that find() gave are then invalid.
  void erase(std::uint64_t id);

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t capacity() const noexcept { return places_.size(); }

 private:
  [[nodiscard]] std::size_t home_of(std::uint64_t id) const noexcept;
  [[nodiscard]] std::size_t after(std::size_t place) const noexcept;
  [[nodiscard]] std::size_t place_of(std::uint64_t id) const noexcept;
  void resize(std::size_t capacity);

  std::vector<InodeRecord> places_;
  std::size_t size_ = 0;
};

}  // namespace pfcache::fuse
