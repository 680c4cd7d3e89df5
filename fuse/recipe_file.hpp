// A recipe shown as the whole prompt file that it stands for.
//
// Read piece by piece from its chunks, each checked against its digest: what is read takes no second place on disk or
// among the hot pages, and the first byte doesn't wait for the last. What is written to the header or behind the
// payload goes into the recipe itself: who counts a hit or appends a trailer doesn't undo the deduplication of the
// payload.
#pragma once

#include <functional>
#include <shared_mutex>

#include "fuse/area.hpp"
#include "pfcache/disk_kv_cache.hpp"

namespace pfcache::fuse {

class RecipeFile final : public Apparition {
 public:
  /// `note_resized` is called when another length was given to it. REQUIRES: loaded as writable, if it is written.
  explicit RecipeFile(LoadedPrompt prompt, std::function<void()> note_resized = {});

  [[nodiscard]] std::uint64_t size_bytes() const override;
  void read(std::uint64_t offset, std::span<std::byte> out) const override;
  bool write(std::uint64_t offset, std::span<const std::byte> bytes) override;
  bool resize(std::uint64_t size_bytes) override;
  [[nodiscard]] std::optional<int> source_fd() const noexcept override { return prompt_.fd(); }

 private:
  void note_size(std::uint64_t before) const;

  mutable std::shared_mutex mutex_;
  LoadedPrompt prompt_;  // guarded by mutex_, but for its descriptor
  std::function<void()> note_resized_;
};

}  // namespace pfcache::fuse
