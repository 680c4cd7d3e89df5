// Files in which a machine says what it is: /proc and /etc below a root that tests make up. Functions without state,
// for any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pfcache::cli {

/// The whole text of a file; empty when it can't be read.
[[nodiscard]] std::string read_machine_file(const std::filesystem::path& path);

/// The numbers of a version, the first three: `6.18.5-arch` is {6, 18, 5}. What is missing is 0.
[[nodiscard]] std::vector<std::uint32_t> version_numbers(std::string_view version);

/// What stands behind `name` and a colon or blanks in its line: `MemTotal:  16 kB` has `16 kB`. Nothing without such a
/// line.
[[nodiscard]] std::optional<std::string> field_of(std::string_view text, std::string_view name);

/// The capability number `bit` in the line CapEff of /proc/self/status.
[[nodiscard]] bool has_capability(std::string_view status, unsigned bit);

}  // namespace pfcache::cli
