// The prompt cache of a store, as the commands `pfcache prompt …` open it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/command.hpp"
#include "cli/session.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache::cli {

/// What is absent is as the configuration has it.
struct PromptCacheArguments {
  std::optional<std::uint64_t> budget_bytes;
  std::optional<EvictionPolicy> policy;
  std::optional<bool> dedup;
};

/// Declares --budget and --policy. REQUIRES: `arguments` lives until the line is parsed.
void declare_budget(ArgumentTable& table, PromptCacheArguments& arguments);

/// STORE/prompt, opened for reading; nothing when nobody has saved a prompt yet.
[[nodiscard]] std::unique_ptr<DiskKvCache> find_prompt_cache(Store& store, const Session& session,
                                                             const PromptCacheArguments& arguments = {});

/// STORE/prompt, made when it is absent.
[[nodiscard]] std::unique_ptr<DiskKvCache> make_prompt_cache(Store& store, const Session& session,
                                                             const PromptCacheArguments& arguments);

/// The fields of one entry.
void add_prompt(JsonWriter& json, const PromptInfo& info);

}  // namespace pfcache::cli
