#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/check.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct VerifyArguments {
  std::vector<std::string> snapshots;
  bool repair = false;
  std::optional<std::filesystem::path> from;
  unsigned threads = 0;
};

/// The snapshots to verify, and how many of those named are not here.
struct Chosen {
  std::vector<Digest> digests;
  std::uint64_t absent = 0;
};

Chosen choose(const VerifyArguments& arguments, const Store& store, const Session& session) {
  Chosen chosen;
  if (arguments.snapshots.empty()) chosen.digests = store.catalog().snapshots();
  for (const std::string& text : arguments.snapshots) {
    try {
      chosen.digests.push_back(resolve_snapshot(store, text));
    } catch (const Error& error) {
      // One that is absent doesn't keep the others from being verified.
      if (error.code() != Errc::not_found || arguments.snapshots.size() == 1) throw;
      session.warn(error.what());
      ++chosen.absent;
    }
  }
  std::sort(chosen.digests.begin(), chosen.digests.end());
  chosen.digests.erase(std::unique(chosen.digests.begin(), chosen.digests.end()), chosen.digests.end());
  if (chosen.digests.empty() && chosen.absent != 0) throw Error(Errc::not_found, "none of the snapshots is here");
  return chosen;
}

std::string prompts_text(const VerifyReport& report) {
  if (report.prompts == 0) return "";
  const std::uint64_t unchecked = report.unchecked_prompts;
  return counted(report.prompts, "prompt") +
         (unchecked == 0 ? "" : fmt::format(" ({} without a checksum)", unchecked)) + ", ";
}

void print_text(const VerifyReport& report, bool is_repair, const Session& session) {
  for (const std::string& line : report.damage) session.out() << "damaged    " << printable(line) << '\n';
  for (const std::string& line : report.mended) session.out() << "mended     " << printable(line) << '\n';
  for (const std::string& line : report.problems) session.out() << "problem    " << printable(line) << '\n';
  session.note(fmt::format(
      "{}, {}{}{}, {} read: {}{}", counted(report.snapshots, "snapshot"), prompts_text(report),
      report.warm_starts == 0 ? "" : counted(report.warm_starts, "warm start") + ", ", counted(report.blobs, "blob"),
      human_bytes(report.bytes), report.mended.empty() ? "" : fmt::format("{} mended, ", report.mended.size()),
      report.damage.empty() ? "whole" : fmt::format("damage in {}", counted(report.damage.size(), "place"))));
  if (report.temp_files == 0) return;
  session.note(fmt::format("{}, {}, that killed programs left {}", counted(report.temp_files, "temp file"),
                           human_bytes(report.temp_bytes), is_repair ? "were removed" : "can be removed by --repair"));
}

void print_record(const VerifyReport& report, const Chosen& chosen, const Session& session) {
  JsonWriter json;
  json.begin_object().field("snapshots", report.snapshots).field("absent", chosen.absent);
  json.field("prompts", report.prompts).field("unchecked_prompts", report.unchecked_prompts);
  json.field("warm_starts", report.warm_starts);
  json.field("blobs", report.blobs).field("bytes", report.bytes);
  const auto lines = [&](const char* key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) json.value(as_utf8(text));
    json.end_array();
  };
  lines("damage", report.damage);
  lines("mended", report.mended);
  lines("problems", report.problems);
  json.field("temp_files", report.temp_files).field("temp_bytes", report.temp_bytes);
  session.print(json.end_object());
}

VerifyReport check(const VerifyArguments& arguments, Store& store, const CheckScope& scope, const Session& session,
                   const OnProgress& on_progress) {
  if (!arguments.repair) return check_store(store, scope, {arguments.threads, session.stop(), on_progress});
  std::optional<Store> source;
  RepairOptions options{arguments.threads, session.stop(), {}, on_progress};
  if (arguments.from) options.sources.push_back(&source.emplace(Store::open(*arguments.from)));
  return repair_store(store, scope, options);
}

int run_verify(const VerifyArguments& arguments, const Session& session) {
  if (arguments.from && !arguments.repair) throw Error(Errc::invalid_argument, "--from goes with --repair only");
  Store store = session.open_store();
  const Chosen chosen = choose(arguments, store, session);
  if (store.is_foreign() && arguments.snapshots.empty()) {
    session.note("a pf-core store: only snapshots that were named here are verified; give the digests of others");
  }
  const CheckScope scope{chosen.digests, arguments.snapshots.empty()};
  const VerifyReport report = session.with_progress(
      "verify", [&](const OnProgress& on_progress) { return check(arguments, store, scope, session, on_progress); });
  if (session.json()) {
    print_record(report, chosen, session);
  } else {
    print_text(report, arguments.repair, session);
  }
  if (!report.damage.empty()) return kDamage;
  return chosen.absent == 0 ? kDone : kPart;
}

constexpr const char* kDetails = R"(Without SNAPSHOT all that are sealed, what the store says of them, the prompts and
the warm starts. With --repair damage is mended with intact bytes from
another encoding of the blob, or from the STORE of --from; what can't be mended
stays as it is, and a capture of the same content will mend it. Exit status 13
when there is damage, or some is left; 3 when some of the snapshots named are not
here and the others are whole.)";

Run declare_verify(ArgumentTable& table) {
  auto arguments = std::make_shared<VerifyArguments>();
  table.positionals("SNAPSHOT", "what to verify",
                    [arguments](std::string_view text) { arguments->snapshots.emplace_back(text); });
  table.flag("--repair", arguments->repair, "mend what can be mended");
  table.option("--from", "STORE", "another store, which may have what is damaged", [arguments](std::string_view text) {
    if (text.empty()) throw Error(Errc::invalid_argument, "--from: expected a store, found an empty text");
    arguments->from = std::filesystem::path(text);
  });
  table.option("--threads", "N", "that read and verify (0: one a CPU)",
               [arguments](std::string_view text) { arguments->threads = parse_threads(text); });
  return [arguments](const Session& session) { return run_verify(*arguments, session); };
}

}  // namespace

Command verify_command() {
  return {"verify", "Read snapshots and check every byte", kDetails, "pfcache verify --repair --from /backup/store",
          declare_verify};
}

}  // namespace pfcache::cli
