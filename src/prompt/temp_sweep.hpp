// Taking away what writers that died left in a prompt directory.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/directory.hpp"

namespace pfcache {

/// As DiskKvCache::sweep_temp_files.
std::uint64_t sweep_prompt_temps(const Directory& directory, std::chrono::seconds min_age);

}  // namespace pfcache
