// What the machine must allow before anything is mounted, so that what it doesn't is said in words.
//
// Functions without state, for any thread. Throws: system errors naming what is missing.
#pragma once

#include <string_view>

#include "fuse/mount_options.hpp"

namespace pfcache::fuse {

/// Throws: when the kernel has no FUSE or this user may not use it; Errc::invalid_argument when `options` let other
/// users in and this one may not do that.
void check_machine(const MountOptions& options);

/// Whether the text of fuse.conf(5) has the line by which users other than root may let others in.
[[nodiscard]] bool allows_others(std::string_view fuse_conf) noexcept;

}  // namespace pfcache::fuse
