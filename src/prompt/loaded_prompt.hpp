// What stands behind a LoadedPrompt.
#pragma once

#include <string>
#include <vector>

#include "base/file_ops.hpp"
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
  FileOps* ops = nullptr;
  std::string path;  // for messages
  PromptInfo info;
  std::string text;
  bool is_verified = false;
  const BlobStore* blobs = nullptr;
  std::vector<RecipeChunk> chunks;
  std::vector<std::uint64_t> chunk_ends;  // in the payload

  void take_chunks(std::vector<RecipeChunk> found);

  std::span<const std::byte> mapping;  // the whole file, once asked for
  std::vector<std::byte> decoded;

  [[nodiscard]] bool is_recipe() const noexcept { return info.name.form == PromptForm::recipe; }
  [[nodiscard]] std::uint64_t payload_end() const noexcept;     // in the whole file
  [[nodiscard]] std::uint64_t trailer_offset() const noexcept;  // in the file that there is
  void require_trailer(std::uint64_t size_bytes) const;
  void read_header(std::uint64_t offset, std::span<std::byte> out) const;
  bool write_header(std::uint64_t offset, std::span<const std::byte> bytes);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  std::span<const std::byte> map();
  void read_chunks(std::uint64_t offset, std::span<std::byte> out) const;
};

}  // namespace pfcache
