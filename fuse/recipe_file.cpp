#include "fuse/recipe_file.hpp"

#include <mutex>
#include <utility>

namespace pfcache::fuse {

RecipeFile::RecipeFile(LoadedPrompt prompt, std::function<void()> note_resized)
    : prompt_(std::move(prompt)), note_resized_(std::move(note_resized)) {}

std::uint64_t RecipeFile::size_bytes() const {
  const std::shared_lock lock(mutex_);
  return prompt_.whole_bytes();
}

void RecipeFile::read(std::uint64_t offset, std::span<std::byte> out) const {
  const std::shared_lock lock(mutex_);
  prompt_.read_whole(offset, out);
}

bool RecipeFile::write(std::uint64_t offset, std::span<const std::byte> bytes) {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t before = prompt_.whole_bytes();
  if (!prompt_.write_whole(offset, bytes)) return false;
  note_size(before);
  return true;
}

bool RecipeFile::resize(std::uint64_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  const std::uint64_t before = prompt_.whole_bytes();
  if (!prompt_.resize_whole(size_bytes)) return false;
  note_size(before);
  return true;
}

void RecipeFile::note_size(std::uint64_t before) const {
  if (note_resized_ && prompt_.whole_bytes() != before) note_resized_();
}

}  // namespace pfcache::fuse
