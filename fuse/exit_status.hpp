// What mount(8) takes from its helpers for an exit status; its manual has the list.
//
// Functions without state, for any thread. Throws: nothing.
#pragma once

#include <exception>

namespace pfcache::fuse {

inline constexpr int kExitUsage = 1;         ///< the command line makes no sense, or is not allowed
inline constexpr int kExitSystem = 2;        ///< no memory, no more processes or files
inline constexpr int kExitInterrupted = 8;   ///< a signal came before it was mounted
inline constexpr int kExitMountFailed = 32;  ///< everything else

[[nodiscard]] int exit_status_for(const std::exception& failure) noexcept;

}  // namespace pfcache::fuse
