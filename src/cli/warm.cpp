#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "cli/warm_store.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::cli {
namespace {

struct WarmSaveArguments {
  Fingerprint key;
  SaveMeta meta;
  bool has_kind = false;
};

EntryKind parse_kind(std::string_view text) {
  for (const EntryKind kind : {EntryKind::checkpoint, EntryKind::final}) {
    if (text == kind_text(kind)) return kind;
  }
  throw Error(Errc::invalid_argument, fmt::format("--kind: expected checkpoint or final, found '{}'", text));
}

int run_warm_save(const WarmSaveArguments& arguments, const Session& session) {
  if (!arguments.has_kind) throw Error(Errc::invalid_argument, "--kind is required: checkpoint or final");
  WarmStartStore store = open_warm_store(session);
  const auto payload = session.read_input(std::min(kMaxWarmPayloadBytes, store.options().size_budget_bytes));
  const std::string run = store.save(arguments.key, payload, arguments.meta);
  session.note(fmt::format("{} saved for {}", human_bytes(payload.size()), arguments.key.hex()));
  if (!session.json()) {
    session.out() << run << '\n';
    return kDone;
  }
  JsonWriter json;
  json.begin_object().field("key", arguments.key.hex()).field("run", run);
  session.print(json.field("payload_bytes", payload.size()).field("sha256", sha256(payload).hex()).end_object());
  return kDone;
}

int run_warm_lookup(const Fingerprint& key, const Session& session) {
  const auto entry = open_warm_store(session).lookup(key);
  if (!entry) throw Error(Errc::not_found, fmt::format("no warm start of {}", key.hex()));
  const WarmRun& about = entry->about;
  if (session.json()) {
    JsonWriter json;
    json.begin_object();
    add_entry(json, key, about);
    session.print(json.end_object());
    return kDone;
  }
  session.note(fmt::format("{}: {}, objective {}, iteration {}, {}, written {}", about.run, kind_text(about.kind),
                           objective_text(about), iteration_text(about), human_bytes(about.payload_bytes),
                           utc_time(static_cast<std::int64_t>(about.written_unix_secs))));
  session.out().write(reinterpret_cast<const char*>(entry->payload.data()),
                      static_cast<std::streamsize>(entry->payload.size()));
  return kDone;
}

int run_warm_evict(std::optional<std::uint64_t> budget_bytes, const Session& session) {
  const EvictReport report = open_warm_store(session, budget_bytes).evict_overflow();
  session.note(fmt::format("{} expired, {} damaged, {} evicted, {} freed; {}, {} kept", report.expired_entries,
                           report.damaged_entries, report.evicted_entries, human_bytes(report.freed_bytes),
                           report.kept_entries == 1 ? "1 entry" : fmt::format("{} entries", report.kept_entries),
                           human_bytes(report.kept_bytes)));
  for (const std::string& failure : report.failures) session.warn(failure);
  const int status = report.failures.empty() ? kDone : kPart;
  if (!session.json()) return status;
  JsonWriter json;
  json.begin_object().field("expired_entries", report.expired_entries);
  json.field("damaged_entries", report.damaged_entries).field("evicted_entries", report.evicted_entries);
  json.field("freed_bytes", report.freed_bytes).field("swept_files", report.swept_files);
  json.field("kept_entries", report.kept_entries).field("kept_bytes", report.kept_bytes);
  json.key("failures").begin_array();
  for (const std::string& failure : report.failures) json.value(as_utf8(failure));
  json.end_array();
  session.print(json.end_object());
  return status;
}

Run declare_save(ArgumentTable& table) {
  auto arguments = std::make_shared<WarmSaveArguments>();
  table.positional("KEY", "64 hex digits", [arguments](std::string_view text) { arguments->key = parse_key(text); });
  table.option("--objective", "X", "the lower the better; without it, or nan: none",
               [arguments](std::string_view text) { arguments->meta.objective = parse_f64("--objective", text); });
  table.option("--kind", "checkpoint|final", "required", [arguments](std::string_view text) {
    arguments->meta.kind = parse_kind(text);
    arguments->has_kind = true;
  });
  table.option("--iteration", "N", "how far it had come", [arguments](std::string_view text) {
    arguments->meta.iteration = parse_number("--iteration", text, std::numeric_limits<std::uint64_t>::max());
  });
  return [arguments](const Session& session) { return run_warm_save(*arguments, session); };
}

Run declare_lookup(ArgumentTable& table) {
  auto key = std::make_shared<Fingerprint>();
  table.positional("KEY", "64 hex digits", [key](std::string_view text) { *key = parse_key(text); });
  return [key](const Session& session) { return run_warm_lookup(*key, session); };
}

Run declare_evict(ArgumentTable& table) {
  auto budget_bytes = std::make_shared<std::optional<std::uint64_t>>();
  table.option("--budget", "SIZE", "bytes to keep at most (warm.budget)",
               [budget_bytes](std::string_view text) { *budget_bytes = parse_size("--budget", text); });
  return [budget_bytes](const Session& session) { return run_warm_evict(*budget_bytes, session); };
}

Command warm_save_command() {
  return {"save", "Save a warm start from standard input",
          "Prints its run. The payload is any bytes. When all warm starts together have come\n"
          "to be above the budget, the oldest go.",
          "pfcache warm save $KEY --objective 0.25 --kind final < state.bin", declare_save};
}

Command warm_lookup_command() {
  return {"lookup", "Write the best warm start to standard output",
          "The lowest objective; of equal ones a final one, then the latest. Nothing older\n"
          "than warm.ttl. What is damaged is removed and passed over. With --json its record\n"
          "is printed instead. Exit status 10 when there is none.",
          "pfcache warm lookup $KEY > state.bin", declare_lookup};
}

Command warm_evict_command() {
  return {"evict", "Remove warm starts that are old, damaged or too many",
          "Older than warm.ttl, then the oldest until the rest is within the budget. Exit\n"
          "status 3 when something could not be read or removed; the others are done.",
          "pfcache warm evict --budget 512MiB", declare_evict};
}

}  // namespace

CommandGroup warm_group() {
  return {"warm",
          "Save and look up warm starts",
          {warm_save_command(), warm_lookup_command(), warm_list_command(), warm_evict_command()}};
}

}  // namespace pfcache::cli
