// Asking the terminal behind a descriptor.
#pragma once

#include <cstddef>
#include <optional>

namespace pfcache::cli {

struct TerminalSize {
  std::size_t columns = 0;  ///< 0 when it doesn't say, as for the rows
  std::size_t rows = 0;

  bool operator==(const TerminalSize&) const = default;
};

/// How large the terminal is now; for no terminal as when it doesn't say.
[[nodiscard]] TerminalSize terminal_size(int fd) noexcept;

/// How many columns the terminal has, 0 when it doesn't say; nothing for no terminal, and for one that belongs to
/// another job at the moment, as that of a program in the background does.
[[nodiscard]] std::optional<std::size_t> terminal_columns(int fd) noexcept;

}  // namespace pfcache::cli
