#include <fmt/format.h>

#include "cli/prompt_store.hpp"
#include "cli/text.hpp"

namespace pfcache::cli {
namespace {

int run_evict(const PromptCacheArguments& arguments, const Session& session) {
  Store store = session.open_store();
  const auto cache = find_prompt_cache(store, session, arguments);
  const EvictionResult result = cache ? cache->evict_to_budget() : EvictionResult{};
  const std::uint64_t left = cache ? cache->total_bytes() : 0;
  session.note(fmt::format("{} evicted, {}; {} are left", counted(result.entries, "prompt"), human_bytes(result.bytes),
                           human_bytes(left)));
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("evicted_entries", result.entries).field("evicted_bytes", result.bytes);
    session.print(json.field("charged_bytes", left).end_object());
  }
  return kDone;
}

}  // namespace

Command prompt_evict_command() {
  return {"evict", "Evict prompts until they fit the budget",
          "Also sweeps what writers that died left. Chunks of evicted prompts are given back\n"
          "by a later clean-up.",
          "pfcache prompt evict --budget 4GiB", [](ArgumentTable& table) {
            auto arguments = std::make_shared<PromptCacheArguments>();
            declare_budget(table, *arguments);
            return [arguments](const Session& session) { return run_evict(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
