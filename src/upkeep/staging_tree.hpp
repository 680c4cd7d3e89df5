// Walking and removing directories of staging/. Symbolic links are never followed.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/directory.hpp"
#include "pfcache/staging_entries.hpp"

namespace pfcache {

inline constexpr const char* kStaging = "staging";

/// Directories nested more deeply are an error: nobody makes such, and each level holds a descriptor.
inline constexpr int kMaxStagingDepth = 16;

/// Looks at a directory and all that is in it. Nothing when it has gone meanwhile.
[[nodiscard]] std::optional<StagingEntry> look_at_tree(const Directory& parent, const std::string& name);

/// Calls `visit(directory)` for `directory` and every directory below it.
void for_each_directory(const Directory& directory, const std::function<void(const Directory&)>& visit, int depth = 0);

/// The subdirectory `name`; nothing when there is none, a link included.
[[nodiscard]] std::optional<Directory> find_real_directory(const Directory& parent, const std::string& name);

/// Removes a directory with all that is in it. The caller makes it durable by a sync of `parent`.
void remove_tree(const Directory& parent, const std::string& name, int depth = 0);

}  // namespace pfcache
