#include "pfcache/near_word.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>

namespace pfcache {
namespace {

using Row = std::array<std::size_t, kMaxNearWordChars + 1>;

/// The edit distance with swaps of neighbours, a row of its table at a time: what it takes to make the first `j`
/// characters of `b` from the first `i` of `a`. REQUIRES: both have at most kMaxNearWordChars.
std::size_t distance(std::string_view a, std::string_view b) noexcept {
  Row before_last{};
  Row last{};
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    Row row{};
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, last[j] + 1, row[j - 1] + 1});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::optional<std::string_view> near_word(std::string_view text, std::span<const std::string_view> words) {
  if (text.size() > kMaxNearWordChars) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t best = std::max<std::size_t>(text.size() / 3, 1) + 1;  // what is farther is another word
  for (const std::string_view word : words) {
    if (word.size() > kMaxNearWordChars) continue;
    const std::size_t far = distance(text, word);
    if (far >= best) continue;
    best = far;
    nearest = word;
  }
  return nearest;
}

std::string near_word_hint(std::string_view text, std::span<const std::string_view> words) {
  const auto near = near_word(text, words);
  return near ? fmt::format("; did you mean '{}'?", *near) : "";
}

}  // namespace pfcache
