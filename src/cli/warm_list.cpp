#include <fmt/format.h>

#include <optional>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/warm_store.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct WarmListArguments {
  std::vector<Fingerprint> keys;
  bool full = false;
};

struct Line {
  Fingerprint key;
  WarmRun run;
};

std::vector<Line> collect(const WarmListArguments& arguments, const WarmStartStore& store) {
  std::vector<Line> lines;
  for (const Fingerprint& key : arguments.keys.empty() ? store.keys() : arguments.keys) {
    auto runs = store.runs(key);
    if (runs.empty() && !arguments.keys.empty()) {
      throw Error(Errc::not_found, fmt::format("no warm start of {}", key.hex()));
    }
    for (WarmRun& run : runs) lines.push_back({key, std::move(run)});
  }
  return lines;
}

void print_text(const std::vector<Line>& lines, bool full, const Session& session) {
  constexpr std::size_t kShortKeyChars = 12;
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, run] : lines) {
    rows.push_back({full ? key.hex() : key.hex().substr(0, kShortKeyChars), run.run, kind_text(run.kind),
                    objective_text(run), iteration_text(run), human_bytes(run.payload_bytes),
                    utc_time(static_cast<std::int64_t>(run.written_unix_secs))});
  }
  session.out() << table({"KEY", "RUN", "KIND", ">OBJECTIVE", ">ITERATION", ">SIZE", "WRITTEN"}, rows);
}

void print_record(const std::vector<Line>& lines, const Session& session) {
  JsonWriter json;
  json.begin_object().key("entries").begin_array();
  for (const auto& [key, run] : lines) {
    json.begin_object();
    add_entry(json, key, run);
    json.end_object();
  }
  session.print(json.end_array().end_object());
}

int run_warm_list(const WarmListArguments& arguments, const Session& session) {
  const std::vector<Line> lines = collect(arguments, open_warm_store(session));
  if (session.json()) {
    print_record(lines, session);
  } else {
    print_text(lines, arguments.full, session);
  }
  return kDone;
}

}  // namespace

Command warm_list_command() {
  return {"list", "List warm starts, of each key the best first",
          "Without a KEY those of all keys. Exit status 10 when a KEY has none.", "pfcache warm list --full",
          [](ArgumentTable& table) {
            auto arguments = std::make_shared<WarmListArguments>();
            table.positionals("KEY", "64 hex digits",
                              [arguments](std::string_view text) { arguments->keys.push_back(parse_key(text)); });
            table.flag("--full", arguments->full, "all 64 digits of the keys");
            return [arguments](const Session& session) { return run_warm_list(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
