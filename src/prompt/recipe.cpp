#include "prompt/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"
#include "prompt/chunker.hpp"
#include "prompt/prompt_header.hpp"

namespace pfcache {
namespace {

Digest sum_of(const PromptKey& key, std::uint64_t payload_bytes, std::span<const std::byte> list) {
  std::array<std::byte, sizeof payload_bytes> size{};
  store_le(payload_bytes, std::span<std::byte>(size));
  Sha256 hash;
  hash.update(key.bytes());
  hash.update(size);
  hash.update(list);
  return hash.finish();
}

}  // namespace

std::vector<std::byte> encode_recipe(const PromptKey& key, std::span<const RecipeChunk> chunks) {
  std::vector<std::byte> bytes;
  bytes.reserve(recipe_bytes(chunks.size()));
  append_le(bytes, static_cast<std::uint32_t>(chunks.size()));
  std::uint64_t payload_bytes = 0;
  for (const RecipeChunk& chunk : chunks) {
    bytes.insert(bytes.end(), chunk.digest.bytes().begin(), chunk.digest.bytes().end());
    append_le(bytes, chunk.size_bytes);
    payload_bytes += chunk.size_bytes;
  }
  const Digest sum = sum_of(key, payload_bytes, bytes);
  bytes.insert(bytes.end(), sum.bytes().begin(), sum.bytes().end());
  return bytes;
}

std::vector<RecipeChunk> decode_recipe(const PromptKey& key, std::uint64_t payload_bytes,
                                       std::span<const std::byte> bytes, std::string_view path) {
  const std::uint64_t count = bytes.size() < recipe_bytes(0) ? 0 : load_le<std::uint32_t>(bytes);
  if (bytes.size() != recipe_bytes(count)) {
    throw Error(Errc::malformed, fmt::format("'{}': {} bytes are not a recipe", path, bytes.size()));
  }
  const auto list = bytes.first(bytes.size() - Digest::kSizeBytes);
  const Digest sum = sum_of(key, payload_bytes, list);
  if (!std::ranges::equal(sum.bytes(), bytes.last(Digest::kSizeBytes))) {
    throw Error(Errc::damaged, fmt::format("'{}': the recipe is not what was saved", path));
  }
  std::vector<RecipeChunk> chunks(count);
  std::uint64_t total_bytes = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto entry = list.subspan(4 + i * kRecipeChunkBytes, kRecipeChunkBytes);
    std::array<std::byte, Digest::kSizeBytes> digest{};
    std::copy_n(entry.begin(), digest.size(), digest.begin());
    chunks[i] = {Digest(digest), load_le<std::uint32_t>(entry.subspan(digest.size()))};
    if (chunks[i].size_bytes == 0 || chunks[i].size_bytes > kMaxChunkBytes) {
      throw Error(Errc::malformed, fmt::format("'{}': chunk {} has {} bytes, one has at least 1 and at most {}", path,
                                               i, chunks[i].size_bytes, kMaxChunkBytes));
    }
    total_bytes += chunks[i].size_bytes;
  }
  if (total_bytes != payload_bytes) {
    throw Error(Errc::malformed, fmt::format("'{}': the chunks have {} bytes together, the payload {}", path,
                                             total_bytes, payload_bytes));
  }
  return chunks;
}

std::vector<RecipeChunk> read_recipe(int fd, const PromptInfo& info, std::string_view path) {
  const std::uint64_t begin = kPromptHeaderBytes + info.header.text_bytes;
  std::vector<std::byte> bytes(info.file_bytes - info.trailer_bytes - begin);
  read_exactly_at(fd, begin, bytes, path);
  return decode_recipe(info.name.key, info.header.payload_bytes, bytes, path);
}

}  // namespace pfcache
