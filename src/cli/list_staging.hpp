// `pfcache list --staging`
#pragma once

#include "cli/session.hpp"

namespace pfcache::cli {

/// Prints what is still arriving in the store, and returns the exit status.
int list_staging_directories(const Store& store, const Session& session);

}  // namespace pfcache::cli
