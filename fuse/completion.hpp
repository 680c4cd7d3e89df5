// What may stand at the end of a command line of mount.pfcache, for the completions of shells.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace pfcache::fuse {

/// Stands first where a shell asks; all that is behind it are the words of the line.
inline constexpr std::string_view kCompleteOption = "--complete";

/// `words` are those behind the program's name up to the one that is being typed, which may be empty. The first line of
/// the answer says what they are and what else the shell may offer: `words`; `list`, which may go on behind a comma;
/// `files`; `directories`; or `list-directories`, where they stand behind the last "=". Each other line is a word, a
/// tab and what it is.
[[nodiscard]] std::string complete(std::span<const std::string_view> words);

}  // namespace pfcache::fuse
