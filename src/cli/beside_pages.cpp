#include "cli/beside_pages.hpp"

#include "cli/prompt_store.hpp"
#include "cli/warm_store.hpp"
#include "pfcache/error.hpp"
#include "pfcache/staging_entries.hpp"

namespace pfcache::cli {

BesidePages collect_beside_pages(Store& store, const Session& session) {
  BesidePages found;
  if (const auto prompts = find_prompt_cache(store, session)) {
    for (const PromptInfo& info : prompts->list().entries) {
      ++found.prompts;
      found.prompt_bytes += info.file_bytes;
      found.prompt_charged_bytes += info.charged_bytes();
    }
  }
  const WarmStartStore warm = open_warm_store(store, session);
  for (const Fingerprint& key : warm.keys()) {
    if (session.stop().stop_requested()) throw Error(Errc::interrupted, "counting warm starts");
    for (const WarmRun& run : warm.runs(key)) {
      ++found.warm_entries;
      found.warm_bytes += run.payload_bytes;
    }
  }
  for (const StagingEntry& entry : list_staging(store)) {
    ++found.staging_directories;
    found.staging_bytes += entry.bytes;
  }
  return found;
}

}  // namespace pfcache::cli
