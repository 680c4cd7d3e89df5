// The first 52 bytes of KVC files and of recipes.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "pfcache/prompt_file.hpp"

namespace pfcache {

// What is rewritten in place when an entry is used.
inline constexpr std::uint64_t kHitCountOffset = 12;
inline constexpr std::uint64_t kLastUsedOffset = 32;
inline constexpr std::uint64_t kUseEnd = kLastUsedOffset + 8;

// What says how the rest is to be read, and never changes: before the first offset, and from the second on.
inline constexpr std::uint64_t kMagicEnd = 4;
inline constexpr std::uint64_t kLengthsOffset = 40;

using PromptHeaderBytes = std::array<std::byte, kPromptHeaderBytes>;

[[nodiscard]] PromptHeaderBytes encode_prompt_header(const PromptHeader& header, PromptForm form) noexcept;

/// Throws: Errc::malformed for another magic; Errc::unsupported for another version; both name `path`.
[[nodiscard]] PromptHeader decode_prompt_header(std::span<const std::byte, kPromptHeaderBytes> bytes, PromptForm form,
                                                std::string_view path);

}  // namespace pfcache
