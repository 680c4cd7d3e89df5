#include "cli/prompt_store.hpp"

#include <fmt/format.h>

#include "cli/values.hpp"
#include "pfcache/config.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

std::optional<EvictionPolicy> policy_named(std::string_view name) {
  if (name == "lru") return EvictionPolicy::lru;
  if (name == "value") return EvictionPolicy::value;
  return std::nullopt;
}

EvictionPolicy parse_policy(std::string_view text) {
  if (const auto policy = policy_named(text)) return *policy;
  throw Error(Errc::invalid_argument, fmt::format("--policy: expected lru or value, found '{}'", text));
}

std::uint64_t parse_budget(std::string_view text) {
  const std::uint64_t budget = parse_size("--budget", text);
  if (budget >= kMinPromptBudgetBytes) return budget;
  throw Error(Errc::invalid_argument, fmt::format("--budget: expected at least 64MiB, found '{}'", text));
}

}  // namespace

void declare_budget(ArgumentTable& table, PromptCacheArguments& arguments) {
  table.option("--budget", "SIZE", "of all prompts together, at least 64MiB (prompt.budget)",
               [&arguments](std::string_view text) { arguments.budget_bytes = parse_budget(text); });
  table.option("--policy", "value|lru", "which prompt goes first (prompt.policy)",
               [&arguments](std::string_view text) { arguments.policy = parse_policy(text); });
}

std::unique_ptr<DiskKvCache> find_prompt_cache(Store& store, const Session& session,
                                               const PromptCacheArguments& arguments) {
  if (!std::filesystem::exists(store.path() / "prompt")) return nullptr;
  return make_prompt_cache(store, session, arguments);
}

std::unique_ptr<DiskKvCache> make_prompt_cache(Store& store, const Session& session,
                                               const PromptCacheArguments& arguments) {
  const Config& config = session.config();
  DiskKvCacheOptions options;
  options.policy = arguments.policy.value_or(policy_named(config.text(Setting::prompt_policy)).value());
  options.blobs = &store.blobs();
  options.dedup = arguments.dedup.value_or(config.is_on(Setting::prompt_dedup));
  const std::uint64_t budget_bytes = arguments.budget_bytes.value_or(config.size_bytes(Setting::prompt_budget));
  return std::make_unique<DiskKvCache>(store.path() / "prompt", budget_bytes, options);
}

void add_prompt(JsonWriter& json, const PromptInfo& info) {
  const PromptHeader& header = info.header;
  json.field("key", info.name.key.hex()).field("form", info.name.form == PromptForm::whole ? "kv" : "kvd");
  json.field("tokens", header.token_count).field("hits", header.hit_count).field("ctx", header.ctx_size);
  json.field("quant", std::uint32_t{header.quant_bits}).field("reason", name_of(header.reason));
  json.field("ext", std::uint32_t{header.ext_flags}).field("model_id", std::uint32_t{header.model_id});
  json.field("created", header.created_unix_secs).field("last_used", header.last_used_unix_secs);
  json.field("text_bytes", header.text_bytes).field("payload_bytes", header.payload_bytes);
  json.field("trailer_bytes", info.trailer_bytes).field("file_bytes", info.file_bytes);
}

}  // namespace pfcache::cli
