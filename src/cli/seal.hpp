// Sealing a snapshot in the name of this program.
#pragma once

#include <string>

#include "pfcache/capture.hpp"
#include "pfcache/store.hpp"

namespace pfcache::cli {

/// Seals `snapshot` with the time of now; `source` is what was captured, as its user named it.
/// REQUIRES: as Catalog::seal.
void seal_snapshot(Store& store, const CaptureResult& snapshot, const std::string& source);

}  // namespace pfcache::cli
