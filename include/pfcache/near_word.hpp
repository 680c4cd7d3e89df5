// What a word that isn't known was probably meant to be. Functions without state, for any thread.
//
// Example:
//
//   #include <pfcache/near_word.hpp>
//   #include <array>
//   #include <iostream>
//
//   int main() {
//     constexpr std::array<std::string_view, 2> words{"capture", "restore"};
//     if (const auto meant = pfcache::near_word("resotre", words)) std::cout << *meant << "?\n";  // prints restore?
//   }
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// Words longer than this are like none.
inline constexpr std::size_t kMaxNearWordChars = 64;

/// The first of those of `words` that are nearest to `text`, counted in characters to add, leave out, replace, or swap
/// with their neighbour; nothing when even that takes more of them than one and than a third of `text`.
[[nodiscard]] std::optional<std::string_view> near_word(std::string_view text, std::span<const std::string_view> words);

/// How a message about the unknown word `text` ends: "; did you mean 'restore'?", or nothing when no word is near.
[[nodiscard]] std::string near_word_hint(std::string_view text, std::span<const std::string_view> words);

}  // namespace pfcache
#pragma GCC visibility pop
