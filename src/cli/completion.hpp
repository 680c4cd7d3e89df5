// What may stand where somebody typed the beginning of a command line. Functions without state, for any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command_line.hpp"

namespace pfcache::cli {

struct Candidate {
  std::string text;
  std::string about = {};  ///< one line for shells that show it
};

/// What the last word may be besides the candidates.
enum class Expected : std::uint8_t { words, files, directories, snapshots, names, settings };

struct Completion {
  std::vector<Candidate> candidates;  ///< those that begin like the last word
  Expected expected = Expected::words;
  std::optional<std::filesystem::path> store;  ///< that the line names with --store
};

/// `words` are those behind the program's name up to the one that is being typed, which may be empty.
[[nodiscard]] Completion complete(const CommandShape& program, std::span<const std::string> words);

}  // namespace pfcache::cli
