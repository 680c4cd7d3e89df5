// A recipe shown as the whole prompt file that it stands for.
//
// Read piece by piece from its chunks, each checked against its digest: what is read takes no second place on disk or
// among the hot pages, and the first byte doesn't wait for the last.
#pragma once

#include <mutex>
#include <vector>

#include "fuse/area.hpp"
#include "pfcache/disk_kv_cache.hpp"

namespace pfcache::fuse {

class RecipeFile final : public Apparition {
 public:
  explicit RecipeFile(LoadedPrompt prompt);

  [[nodiscard]] std::uint64_t size_bytes() const noexcept override;
  void read(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  [[nodiscard]] std::uint64_t payload_bytes() const noexcept { return prompt_.info().header.payload_bytes; }

  mutable std::mutex mutex_;
  LoadedPrompt prompt_;  // guarded by mutex_, but for its info
  std::vector<std::byte> head_;
  std::vector<std::byte> trailer_;
};

}  // namespace pfcache::fuse
