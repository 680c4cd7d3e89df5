// What stands behind a LoadedPrompt.
#pragma once

#include <string>
#include <vector>

#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/unique_fd.hpp"
#include "prompt/recipe.hpp"

namespace pfcache {

struct LoadedPrompt::Impl {
  Impl() = default;
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  UniqueFd fd;
  std::string path;  // for messages
  PromptInfo info;
  std::string text;
  bool is_verified = false;
  const BlobStore* blobs = nullptr;
  std::vector<RecipeChunk> chunks;

  std::span<const std::byte> mapping;  // the whole file, once asked for
  std::vector<std::byte> decoded;

  std::span<const std::byte> map();
  void read_chunks(std::uint64_t offset, std::span<std::byte> out) const;
};

}  // namespace pfcache
