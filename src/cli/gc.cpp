#include "pfcache/gc.hpp"

#include <fmt/format.h>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/config.hpp"
#include "pfcache/duration.hpp"

namespace pfcache::cli {
namespace {

void print_text(const GcReport& report, const GcOptions& options, const Session& session) {
  const char* verb = options.dry_run ? "would remove" : "removed";
  for (const std::string& name : report.staging_removed) {
    session.out() << fmt::format("{} staging/{}\n", verb, printable(name));
  }
  const auto part = [](std::uint64_t count, std::string_view noun, std::uint64_t bytes) {
    return fmt::format("{} ({})", counted(count, noun), human_bytes(bytes));
  };
  session.out() << fmt::format("{} {}, {}, {} staged\n", verb, part(report.blobs_removed, "blob", report.bytes_removed),
                               part(report.temp_files_removed, "temp file", report.temp_bytes_removed),
                               human_bytes(report.staging_bytes_removed));
  session.note(fmt::format("{} needed by {}; {} not needed but younger than {}", counted(report.blobs_needed, "blob"),
                           counted(report.snapshots, "snapshot"), part(report.blobs_young, "blob", report.bytes_young),
                           duration_text(options.grace)));
}

void print_record(const GcReport& report, const GcOptions& options, const Session& session) {
  JsonWriter json;
  json.begin_object().field("dry_run", options.dry_run);
  json.field("snapshots", report.snapshots).field("blobs_needed", report.blobs_needed);
  json.field("blobs_removed", report.blobs_removed).field("bytes_removed", report.bytes_removed);
  json.field("blobs_young", report.blobs_young).field("bytes_young", report.bytes_young);
  json.field("temp_files_removed", report.temp_files_removed).field("temp_bytes_removed", report.temp_bytes_removed);
  json.key("staging_removed").begin_array();
  for (const std::string& name : report.staging_removed) json.value(as_utf8(name));
  json.end_array().field("staging_bytes_removed", report.staging_bytes_removed);
  json.field("longest_exclusive_ms", static_cast<double>(report.longest_exclusive.count()) / 1e6);
  session.print(json.end_object());
}

/// What the command line leaves to the configuration.
struct GcArguments {
  std::optional<std::chrono::seconds> grace;
  std::optional<std::chrono::seconds> wait;
  bool dry_run = false;
  bool unsealed = false;
};

GcOptions options_of(const GcArguments& arguments, const Session& session) {
  GcOptions options;
  options.grace = arguments.grace.value_or(session.config().duration(Setting::gc_grace));
  options.wait = arguments.wait.value_or(session.config().duration(Setting::gc_wait));
  options.dry_run = arguments.dry_run;
  options.unsealed = arguments.unsealed;
  options.stop = session.stop();
  return options;
}

int run_gc(const GcArguments& arguments, const Session& session) {
  Store store = session.open_store();
  GcOptions options = options_of(arguments, session);
  const GcReport report = session.with_progress("gc", [&](const OnProgress& on_progress) {
    options.on_progress = on_progress;
    return collect_garbage(store, options);
  });
  if (session.json()) {
    print_record(report, options, session);
  } else {
    print_text(report, options, session);
  }
  if (store.may_hold_unsealed_snapshots() && !options.unsealed) {
    session.note(
        "manifests without a seal were kept with all they need, since pf-core makes no seals; --unsealed takes them "
        "for "
        "garbage");
  }
  return kDone;
}

}  // namespace

Command gc_command() {
  return {"gc", "Give back the space of what no snapshot needs",
          "Removes blobs that no snapshot, name, engine file or arriving snapshot needs and\n"
          "temp files that killed programs left, when they are older than the grace period;\n"
          "and directories of staging/ that nobody has touched for longer than\n"
          "staging_keep (24h). Writers wait for moments only. A manifest, name or record\n"
          "that can't be read ends it before anything is removed. Exit status 11 when\n"
          "somebody writes to the store for longer than --wait.\n\n"
          "In a store that pf-core wrote or may write, manifests count though they have no\n"
          "seal, those of removed snapshots too; --unsealed takes them for garbage: name\n"
          "first what is to stay. Don't run pf-core meanwhile: it knows no locks.",
          "pfcache gc --dry-run", [](ArgumentTable& table) {
            auto arguments = std::make_shared<GcArguments>();
            table.flag("--dry-run", arguments->dry_run, "only say what would go; changes nothing");
            table.option("--grace", "TIME", "keep what is younger: 90s, 15m, 1h, 7d (gc.grace)",
                         [arguments](std::string_view text) { arguments->grace = parse_time("--grace", text); });
            table.option("--wait", "TIME", "for writers to end (gc.wait)",
                         [arguments](std::string_view text) { arguments->wait = parse_time("--wait", text); });
            table.flag("--unsealed", arguments->unsealed, "remove manifests without a seal too");
            return [arguments](const Session& session) { return run_gc(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
