// Asking the terminal behind a descriptor.
#pragma once

#include <cstddef>
#include <optional>

namespace pfcache::cli {

/// How many columns the terminal has, 0 when it doesn't say; nothing for no terminal, and for one that belongs to
/// another job at the moment, as that of a program in the background does.
[[nodiscard]] std::optional<std::size_t> terminal_columns(int fd) noexcept;

}  // namespace pfcache::cli
