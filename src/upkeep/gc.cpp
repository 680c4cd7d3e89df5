#include "pfcache/gc.hpp"

#include "upkeep/gc_run.hpp"

namespace pfcache {

GcReport collect_garbage(Store& store, const GcOptions& options) { return GcRun(store, options).run(); }

}  // namespace pfcache
