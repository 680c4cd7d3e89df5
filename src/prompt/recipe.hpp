// What stands in a recipe where a KVC file has its payload:
//
//   u32 count | count × (32 bytes of SHA-256, u32 length) | 32 bytes: SHA-256 of key, u64 payload bytes, and all before
//
// The lengths add up to the payload. The sum at the end tells a damaged list from a whole one, since a clean-up relies
// on it; the chunks themselves are checked against their digests by the blob store.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pfcache/digest.hpp"
#include "pfcache/prompt_file.hpp"

namespace pfcache {

struct RecipeChunk {
  Digest digest;
  std::uint32_t size_bytes = 0;
};

inline constexpr std::size_t kRecipeChunkBytes = Digest::kSizeBytes + 4;
/// 16 million chunks: a payload of about 256 GiB.
inline constexpr std::uint32_t kMaxRecipeChunks = std::uint32_t{1} << 24;

/// The bytes that `count` chunks take in a recipe, counter and sum included.
[[nodiscard]] constexpr std::uint64_t recipe_bytes(std::uint64_t count) noexcept {
  return 4 + count * kRecipeChunkBytes + Digest::kSizeBytes;
}

/// REQUIRES: at most kMaxRecipeChunks.
[[nodiscard]] std::vector<std::byte> encode_recipe(const PromptKey& key, std::span<const RecipeChunk> chunks);

/// Throws: Errc::damaged, naming `path`, when the sum is wrong; Errc::malformed for lengths that don't add up.
[[nodiscard]] std::vector<RecipeChunk> decode_recipe(const PromptKey& key, std::uint64_t payload_bytes,
                                                     std::span<const std::byte> bytes, std::string_view path);

/// Reads the recipe of an open file whose header was checked. Throws: as decode_recipe; system errors.
[[nodiscard]] std::vector<RecipeChunk> read_recipe(int fd, const PromptInfo& info, std::string_view path);

}  // namespace pfcache
