// How things look in the terminal.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pfcache::cli {

/// `512 B`, `1.5 KiB`, `2.0 GiB`
[[nodiscard]] std::string human_bytes(std::uint64_t bytes);

/// The whole number nearest to `value`; the nearest there is for what has none (negative, too large, not a number: 0).
[[nodiscard]] std::uint64_t nearest_whole(double value);

/// `3 pages`, `1 page`
[[nodiscard]] std::string counted(std::uint64_t count, std::string_view noun);

/// `2024-05-06T07:08:09Z`; `-` for a time that is unknown (0) or beyond calendars.
[[nodiscard]] std::string utc_time(std::int64_t unix_secs);

/// How many times `part` goes into `whole`: `2.50x`; `-` when that has no meaning.
[[nodiscard]] std::string ratio(std::uint64_t whole, std::uint64_t part);

/// `text` with control characters as `\xNN`: what others named must not steer the terminal.
[[nodiscard]] std::string printable(std::string_view text);

/// `text` with what is not UTF-8 replaced by U+FFFD: file names are any bytes, JSON isn't.
[[nodiscard]] std::string as_utf8(std::string_view text);

[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view between);

/// Rows of equally many cells; a column whose title starts with '>' is aligned to the right. Without rows: the titles.
[[nodiscard]] std::string table(const std::vector<std::string>& titles,
                                const std::vector<std::vector<std::string>>& rows);

}  // namespace pfcache::cli
