// What is shown of how far a command is: a line that fits the terminal, or an object for programs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "cli/status_line.hpp"

namespace pfcache::cli {

/// One phase of a command, at one moment.
struct ProgressState {
  std::string command;
  std::string phase;
  std::string noun;  ///< what is counted, in the singular; `byte` is shown as KiB, MiB, …
  std::uint64_t done = 0;
  std::optional<std::uint64_t> total;
  double seconds = 0;  ///< since the phase began
};

/// `verify: read [####----]  50 %  1.0 GiB of 2.0 GiB  512.0 MiB/s  2 s left`: at most `columns` - 1 wide, so that no
/// terminal breaks the line. Where there is less room the bar becomes short, then what matters least goes.
[[nodiscard]] LineText progress_line(const ProgressState& state, std::size_t columns, bool has_color);

/// `{"progress":{"command":"verify","phase":"read","done_bytes":…,"total_bytes":…,"bytes_per_second":…,
/// "eta_seconds":…}}`, or `done`, `total` and `per_second` of a `unit` that is no byte. What isn't known is null.
[[nodiscard]] std::string progress_record(const ProgressState& state);

}  // namespace pfcache::cli
