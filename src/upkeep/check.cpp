#include "pfcache/check.hpp"

#include <fmt/format.h>

#include "pfcache/error.hpp"
#include "upkeep/gc_run.hpp"
#include "upkeep/store_check.hpp"

namespace pfcache {
namespace {

GcReport find_temp_files(const Store& store, const std::stop_token& stop, bool removes) {
  GcOptions options;
  options.dry_run = !removes;
  options.stop = stop;
  return GcRun(store, options).run_temp_files();
}

void note_temp_files(const Store& store, const std::stop_token& stop, bool removes, VerifyReport& report) {
  try {
    const GcReport found = find_temp_files(store, stop, removes);
    report.temp_files = found.temp_files_removed;
    report.temp_bytes = found.temp_bytes_removed;
  } catch (const Error& error) {
    if (error.code() != Errc::busy) throw;
    report.problems.push_back(fmt::format("temp files are left for a clean-up: {}", error.what()));
  }
}

}  // namespace

VerifyReport check_store(const Store& store, const CheckScope& scope, const VerifyOptions& options) {
  VerifyReport report = StoreCheck(store, scope, options, nullptr).run();
  if (scope.is_whole_store) note_temp_files(store, options.stop, false, report);
  return report;
}

VerifyReport repair_store(Store& store, const CheckScope& scope, const RepairOptions& options) {
  VerifyReport report;
  {
    const WriterLease lease = store.lease();
    const BlobMender mender(store, options.sources);
    const VerifyOptions reading{options.threads, options.stop, options.on_progress};
    report = StoreCheck(store, scope, reading, &mender).run();
  }
  // Whoever removes temp files has the store for itself, so the lease had to be given back.
  if (scope.is_whole_store) note_temp_files(store, options.stop, true, report);
  return report;
}

}  // namespace pfcache
