// How `pfcache top` shows what a mount does.
#pragma once

#include <string>
#include <string_view>

#include "cli/mount_window.hpp"

namespace pfcache::cli {

/// No line is wider, whatever the numbers and the directory are.
inline constexpr std::size_t kTopColumns = 80;

/// How many lines there are where they have room.
inline constexpr std::size_t kTopRows = 24;

/// At most `rows` lines, each with its end; what matters least is left out. REQUIRES: `window` is of the mount on
/// `directory`.
[[nodiscard]] std::string top_text(const MountWindow& window, std::string_view directory, bool has_color,
                                   std::size_t rows = kTopRows);

/// The same as one JSON object. What isn't known is null.
[[nodiscard]] std::string top_record(const MountWindow& window, std::string_view directory);

}  // namespace pfcache::cli
