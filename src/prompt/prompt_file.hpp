// Reading the parts of an open prompt file.
#pragma once

#include <string>
#include <string_view>

#include "pfcache/prompt_file.hpp"

namespace pfcache {

/// Where the payload of a whole file, or the list of a recipe, begins.
[[nodiscard]] std::uint64_t body_offset(const PromptInfo& info) noexcept;

/// The text, checked against the key. REQUIRES: `info` is of this file. Throws: Errc::damaged; system errors.
[[nodiscard]] std::string read_prompt_text(int fd, const PromptInfo& info, std::string_view path);

/// True when the file's text is `text`, byte for byte. REQUIRES: as long as the header says.
[[nodiscard]] bool has_prompt_text(int fd, std::string_view text, std::string_view path);

}  // namespace pfcache
