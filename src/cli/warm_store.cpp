#include "cli/warm_store.hpp"

#include <fmt/format.h>

#include "pfcache/config.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {

WarmStartStore open_warm_store(const Store& store, const Session& session, std::optional<std::uint64_t> budget_bytes) {
  WarmStartOptions options;
  options.size_budget_bytes = budget_bytes.value_or(session.config().size_bytes(Setting::warm_budget));
  options.ttl = session.config().duration(Setting::warm_ttl);
  return WarmStartStore::open(store.path() / "warm", options);
}

WarmStartStore open_warm_store(const Session& session, std::optional<std::uint64_t> budget_bytes) {
  // What is no store must not become half of one by the first save.
  return open_warm_store(session.open_store(), session, budget_bytes);
}

Fingerprint parse_key(std::string_view text) {
  if (const auto key = Fingerprint::try_parse(text)) return *key;
  throw Error(Errc::invalid_argument, fmt::format("KEY: expected 64 lower-case hex digits, found '{}'", text));
}

std::string kind_text(EntryKind kind) { return kind == EntryKind::final ? "final" : "checkpoint"; }

std::string objective_text(const WarmRun& run) { return run.objective ? fmt::format("{}", *run.objective) : "-"; }

std::string iteration_text(const WarmRun& run) { return run.iteration ? fmt::format("{}", *run.iteration) : "-"; }

void add_entry(JsonWriter& json, const Fingerprint& key, const WarmRun& run) {
  json.field("key", key.hex()).field("run", run.run).field("kind", kind_text(run.kind));
  json.field("objective", run.objective);
  json.field("iteration", run.iteration);
  json.field("written_unix_secs", run.written_unix_secs).field("written_nanos", run.written_nanos);
  json.field("payload_bytes", run.payload_bytes).field("sha256", run.checksum.hex());
}

}  // namespace pfcache::cli
