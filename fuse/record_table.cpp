#include "fuse/record_table.hpp"

#include <utility>

namespace pfcache::fuse {
namespace {

constexpr std::size_t kMinCapacity = 64;

// Seven in eight places at most are taken, and the table grows by a quarter: a record takes 27 to 35 bytes.
constexpr std::size_t max_size(std::size_t capacity) { return capacity - capacity / 8; }

}  // namespace

// The id's share of the number range, so that any capacity will do, not only powers of two.
std::size_t RecordTable::home_of(std::uint64_t id) const noexcept {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::size_t>((static_cast<Wide>(id) * places_.size()) >> 64U);
}

std::size_t RecordTable::after(std::size_t place) const noexcept { return place + 1 == places_.size() ? 0 : place + 1; }

// Where the id is, or the empty place where it would go.
std::size_t RecordTable::place_of(std::uint64_t id) const noexcept {
  std::size_t place = home_of(id);
  while (places_[place].id != 0 && places_[place].id != id) place = after(place);
  return place;
}

InodeRecord* RecordTable::find(std::uint64_t id) noexcept {
  if (places_.empty()) return nullptr;
  InodeRecord& record = places_[place_of(id)];
  return record.id == 0 ? nullptr : &record;
}

void RecordTable::insert(const InodeRecord& record) {
  if (size_ + 1 > max_size(capacity())) resize(capacity() < kMinCapacity ? kMinCapacity : capacity() + capacity() / 4);
  places_[place_of(record.id)] = record;
  ++size_;
}

void RecordTable::erase(std::uint64_t id) {
  std::size_t hole = place_of(id);
  // Records after the hole move into it unless that would put them before their home.
  for (std::size_t place = after(hole); places_[place].id != 0; place = after(place)) {
    const std::size_t home = home_of(places_[place].id);
    const bool home_is_between = hole <= place ? (hole < home && home <= place) : (hole < home || home <= place);
    if (home_is_between) continue;
    places_[hole] = places_[place];
    hole = place;
  }
  places_[hole] = {};
  --size_;
  if (capacity() > kMinCapacity && size_ < capacity() / 4) resize(capacity() / 2);
}

void RecordTable::resize(std::size_t capacity) {
  std::vector<InodeRecord> old(capacity);
  old.swap(places_);
  for (const InodeRecord& record : old) {
    if (record.id != 0) places_[place_of(record.id)] = record;
  }
}

}  // namespace pfcache::fuse
