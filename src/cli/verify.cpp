#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"
#include "pfcache/inspect.hpp"

namespace pfcache::cli {
namespace {

struct VerifyArguments {
  std::vector<std::string> snapshots;
  VerifyOptions options;
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

bool is_damage(const std::error_code& code) noexcept {
  return code == Errc::damaged || code == Errc::not_found || errno_of(code) == EIO;
}

/// Reads the bytes around an engine file's pages; its pages are those of the snapshot.
void verify_surroundings(const Store& store, const FileRecord& record, VerifyReport& report) {
  try {
    if (record.surroundings_bytes > kMaxBlobBytes) {
      throw Error(Errc::damaged, fmt::format("{} bytes around the pages, expected at most {}",
                                             record.surroundings_bytes, kMaxBlobBytes));
    }
    std::vector<std::byte> bytes(record.surroundings_bytes);
    store.blobs().get_into(record.surroundings, bytes);
    ++report.blobs;
    report.bytes += bytes.size();
  } catch (const std::system_error& error) {
    if (!is_damage(error.code())) throw;
    report.damage.push_back(fmt::format("engine file {}: {}", record.name, error.what()));
  }
}

void verify_files(const Store& store, const Chosen& chosen, const Session& session, VerifyReport& report) {
  std::vector<FileRecord> records;
  try {
    records = list_file_records(store);
  } catch (const Error& error) {
    if (error.code() != Errc::malformed) throw;
    report.damage.push_back(fmt::format("records of engine files: {}", error.what()));
  }
  for (const FileRecord& record : records) {
    if (session.stop().stop_requested()) throw Error(Errc::interrupted, "verify");
    const bool is_chosen = std::binary_search(chosen.digests.begin(), chosen.digests.end(), record.snapshot);
    if (is_chosen) verify_surroundings(store, record, report);
  }
}

void print_text(const VerifyReport& report, const Session& session) {
  for (const std::string& line : report.damage) session.out() << "damaged    " << printable(line) << '\n';
  for (const std::string& line : report.problems) session.out() << "problem    " << printable(line) << '\n';
  session.note(fmt::format(
      "{}, {}, {} read: {}", counted(report.snapshots, "snapshot"), counted(report.blobs, "blob"),
      human_bytes(report.bytes),
      report.damage.empty() ? "whole" : fmt::format("damage in {}", counted(report.damage.size(), "place"))));
}

void print_record(const VerifyReport& report, const Chosen& chosen, const Session& session) {
  JsonWriter json;
  json.begin_object().field("snapshots", report.snapshots).field("absent", chosen.absent);
  json.field("blobs", report.blobs).field("bytes", report.bytes);
  const auto lines = [&](const char* key, const std::vector<std::string>& texts) {
    json.key(key).begin_array();
    for (const std::string& text : texts) json.value(text);
    json.end_array();
  };
  lines("damage", report.damage);
  lines("problems", report.problems);
  session.print(json.end_object());
}

int run_verify(const VerifyArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  const Chosen chosen = choose(arguments, store, session);
  if (store.is_foreign() && arguments.snapshots.empty()) {
    session.note("a pf-core store: only snapshots that were named here are verified; give the digests of others");
  }
  VerifyOptions options = arguments.options;
  options.stop = session.stop();
  VerifyReport report = session.with_progress("verify", [&](const OnProgress& on_progress) {
    options.on_progress = on_progress;
    return verify_snapshots(store, chosen.digests, options);
  });
  verify_files(store, chosen, session, report);
  if (session.json()) {
    print_record(report, chosen, session);
  } else {
    print_text(report, session);
  }
  if (!report.damage.empty()) return kDamage;
  return chosen.absent == 0 ? kDone : kPart;
}

}  // namespace

Command verify_command() {
  return {"verify", "Read snapshots and check every byte",
          "Without SNAPSHOT all that are sealed. Exit status 13 when there is damage, 3 when\n"
          "some of the snapshots named are not here and the others are whole.",
          "pfcache verify chat production", [](ArgumentTable& table) {
            auto arguments = std::make_shared<VerifyArguments>();
            table.positionals("SNAPSHOT", "what to verify",
                              [arguments](std::string_view text) { arguments->snapshots.emplace_back(text); });
            table.option("--threads", "N", "that read and verify (0: one a CPU)",
                         [arguments](std::string_view text) { arguments->options.threads = parse_threads(text); });
            return [arguments](const Session& session) { return run_verify(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
