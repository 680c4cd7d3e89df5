// Asking other programs. A function without state, for any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace pfcache::cli {

/// What `command`, looked for in $PATH, prints on standard output, at most 64 KiB of it. Nothing when it can't be run
/// or ends with another status than 0.
[[nodiscard]] std::optional<std::string> output_of(const std::vector<std::string>& command);

}  // namespace pfcache::cli
