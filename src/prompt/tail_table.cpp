#include "prompt/tail_table.hpp"

#include <algorithm>
#include <cstring>

namespace pfcache {

std::uint64_t tail_of(std::string_view text) noexcept {
  std::uint64_t tail = 0;
  const std::size_t size = std::min(text.size(), sizeof tail);
  // Compared with itself only, on one machine: the order of the bytes doesn't matter.
  if (size > 0) std::memcpy(&tail, text.data() + text.size() - size, size);
  return tail;
}

std::vector<TailTable::Row>::iterator TailTable::first_of(std::uint32_t text_bytes) {
  return std::partition_point(rows_.begin(), rows_.end(), [=](const Row& row) { return row.text_bytes > text_bytes; });
}

void TailTable::insert(const PromptName& name, std::uint32_t text_bytes, std::uint64_t tail) {
  rows_.insert(first_of(text_bytes), {tail, text_bytes, name});
}

void TailTable::erase(const PromptName& name, std::uint32_t text_bytes) {
  const auto row = std::find_if(first_of(text_bytes), rows_.end(), [&](const Row& it) { return it.name == name; });
  if (row != rows_.end()) rows_.erase(row);
}

std::vector<Candidate> TailTable::candidates(std::string_view prompt) const {
  std::vector<Candidate> found;
  for (const Row& row : rows_) {
    if (row.text_bytes > prompt.size()) continue;
    if (tail_of(prompt.substr(0, row.text_bytes)) == row.tail) found.push_back({row.name, row.text_bytes});
  }
  return found;
}

}  // namespace pfcache
