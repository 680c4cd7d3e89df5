#include "fuse/recipe_file.hpp"

#include <algorithm>
#include <utility>

namespace pfcache::fuse {
namespace {

// The part of a read that falls into a piece at `begin`, copied from there.
void copy_overlap(std::span<const std::byte> piece, std::uint64_t begin, std::uint64_t offset,
                  std::span<std::byte> out) {
  const std::uint64_t first = std::max(begin, offset);
  const std::uint64_t last = std::min(begin + piece.size(), offset + out.size());
  if (first >= last) return;
  std::ranges::copy(piece.subspan(first - begin, last - first), out.subspan(first - offset).begin());
}

}  // namespace

RecipeFile::RecipeFile(LoadedPrompt prompt)
    : prompt_(std::move(prompt)), head_(prompt_.whole_head()), trailer_(prompt_.trailer()) {}

std::uint64_t RecipeFile::size_bytes() const noexcept { return head_.size() + payload_bytes() + trailer_.size(); }

void RecipeFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  const std::uint64_t payload_end = head_.size() + payload_bytes();
  copy_overlap(head_, 0, offset, out);
  copy_overlap(trailer_, payload_end, offset, out);
  const std::uint64_t first = std::max<std::uint64_t>(head_.size(), offset);
  const std::uint64_t last = std::min(payload_end, offset + out.size());
  if (first >= last) return;
  const std::scoped_lock lock(mutex_);
  prompt_.read_payload(first - head_.size(), out.subspan(first - offset, last - first));
}

}  // namespace pfcache::fuse
