// The middle of capture_engine_file, for tests that change the file while it runs.
#pragma once

#include <string>

#include "engine/source_file.hpp"
#include "pfcache/engine_file.hpp"

namespace pfcache {

/// Captures a file that has been opened. REQUIRES: is_valid_name(name). Throws: as capture_engine_file.
EngineCapture capture_source(const SourceFile& source, Store& store, const std::string& name,
                             const CaptureOptions& options);

}  // namespace pfcache
