// Which stored texts may be prefixes of a prompt, found without opening a file or hashing the prompt.
//
// Of each text its length and its last eight bytes are kept, longest first. A text is a prefix only if the prompt has
// the same eight bytes there, which one comparison tells; 10,000 of them take some microseconds, where one pass of
// SHA-1 over a prompt of 100 KB takes ten times as long before the first stored length is checked.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "pfcache/prompt_file.hpp"

namespace pfcache {

/// The last eight bytes of a text, or all of a shorter one, as a number. Texts of different lengths don't compare.
[[nodiscard]] std::uint64_t tail_of(std::string_view text) noexcept;

/// A text that may be a prefix of a prompt.
struct Candidate {
  PromptName name;
  std::uint32_t text_bytes = 0;
};

class TailTable {
 public:
  void insert(const PromptName& name, std::uint32_t text_bytes, std::uint64_t tail);
  void erase(const PromptName& name, std::uint32_t text_bytes);
  void clear() noexcept { rows_.clear(); }

  /// The entries whose text may be a prefix of `prompt`, longest first.
  [[nodiscard]] std::vector<Candidate> candidates(std::string_view prompt) const;

 private:
  struct Row {
    std::uint64_t tail;
    std::uint32_t text_bytes;
    PromptName name;
  };
  [[nodiscard]] std::vector<Row>::iterator first_of(std::uint32_t text_bytes);

  std::vector<Row> rows_;  // descending by text_bytes
};

}  // namespace pfcache
