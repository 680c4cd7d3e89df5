// From texts that may be prefixes of a prompt to the one that is.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/directory.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "prompt/tail_table.hpp"

namespace pfcache {

/// So many files are opened and compared sooner than a prompt is hashed.
inline constexpr std::size_t kFewCandidates = 4;

/// True for an entry that an engine can use.
[[nodiscard]] bool fits(const PromptInfo& info, const PromptFilter& filter) noexcept;

/// Drops those whose key is not that of the prompt's first bytes: one pass over the prompt, where thousands of texts
/// that end alike would each be opened. REQUIRES: longest first, none longer than the prompt.
void drop_other_keys(std::vector<Candidate>& candidates, std::string_view prompt);

/// The first of the candidates that fits and whose text the prompt starts with, byte for byte. What can't be read is
/// passed over.
[[nodiscard]] std::optional<PromptInfo> first_prefix(const Directory& directory, std::span<const Candidate> candidates,
                                                     std::string_view prompt, const PromptFilter& filter);

}  // namespace pfcache
