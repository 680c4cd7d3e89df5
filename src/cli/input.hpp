// Reading what is piped into a command.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

namespace pfcache::cli {

/// All that comes from `fd`, until its end. Throws: Errc::too_large above `limit_bytes`; Errc::interrupted soon after
/// `stop` is requested, also while nothing comes; system errors.
[[nodiscard]] std::vector<std::byte> read_to_end(int fd, std::uint64_t limit_bytes, const std::stop_token& stop);

}  // namespace pfcache::cli
