#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "cli/beside_pages.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/config.hpp"
#include "pfcache/inspect.hpp"

namespace pfcache::cli {
namespace {

constexpr std::size_t kDefaultColumns = 80;

std::size_t columns_of(const Session& session) {
  const std::size_t columns = session.out_is_terminal() ? session.out_size().columns : 0;
  return columns == 0 ? kDefaultColumns : columns;
}

/// `line` with the first of `endings` that fits, or none.
std::string with_ending(const std::string& line, std::initializer_list<std::string> endings, std::size_t columns) {
  for (const std::string& ending : endings) {
    if (line.size() + ending.size() <= columns) return line + ending;
  }
  return line;
}

/// A bar whose length says how `part` compares to `whole`; one that isn't nothing shows.
std::string bar(std::uint64_t part, std::uint64_t whole, std::size_t width) {
  if (part == 0 || whole == 0) return "";
  const double length = static_cast<double>(width) * static_cast<double>(part) / static_cast<double>(whole);
  std::string out;
  out.append(static_cast<std::size_t>(std::clamp(length + 0.5, 1.0, static_cast<double>(width))), '#');
  return out;
}

/// Nothing for what there is none of.
void print_beside_pages(const StoreStats& stats, const BesidePages& beside, const Session& session) {
  const Config& config = session.config();
  std::ostream& out = session.out();
  const auto row = [&](const char* what, std::uint64_t bytes, const std::string& remark) {
    out << with_ending(fmt::format("{:<12}{:>11}", what, human_bytes(bytes)), {"  " + remark}, columns_of(session))
        << '\n';
  };
  const std::uint64_t other_bytes = stats.stored_bytes - stats.stored_page_bytes;
  if (other_bytes + beside.prompts + beside.warm_entries + beside.staging_directories == 0) return;
  out << "\nbeside pages\n";
  if (other_bytes > 0) {
    row("other blobs", other_bytes, "manifests, engine files, chunks of prompts, garbage");
  }
  if (beside.prompts > 0) {
    row("prompts", beside.prompt_bytes,
        fmt::format("{}, {} of their budget of {}", counted(beside.prompts, "file"),
                    human_bytes(beside.prompt_charged_bytes), human_bytes(config.size_bytes(Setting::prompt_budget))));
  }
  if (beside.warm_entries > 0) {
    row("warm starts", beside.warm_bytes,
        fmt::format("{} of them, their budget is {}", beside.warm_entries,
                    human_bytes(config.size_bytes(Setting::warm_budget))));
  }
  if (beside.staging_directories > 0) {
    row("arriving", beside.staging_bytes,
        fmt::format("{} of them, see pfcache list --staging", beside.staging_directories));
  }
}

void print_counts(const StoreStats& stats, const Store& store, const Session& session) {
  const std::string pages = fmt::format("{}, {}, {}", counted(stats.snapshots, "snapshot"), counted(stats.refs, "name"),
                                        counted(stats.pages, "page"));
  const std::string blobs = fmt::format("{} ({} planes, {} zstd, {} raw)", counted(stats.blobs, "blob"),
                                        stats.planes_blobs, stats.zstd_blobs, stats.raw_blobs);
  const bool fits = pages.size() + 2 + blobs.size() <= columns_of(session);
  session.out() << fmt::format("{}, profile {}\n{}{}{}\n\n", printable(store.path().native()),
                               store.profile() == Profile::pf_core ? "pf-core" : "auto", pages, fits ? ", " : "\n",
                               blobs);
}

void print_text(const StoreStats& stats, const Store& store, const Session& session) {
  constexpr std::size_t kTextColumns = 42;  // of a row, beside the bar
  constexpr std::size_t kMinBar = 8;
  constexpr std::size_t kMaxBar = 32;
  const std::size_t columns = columns_of(session);
  const std::size_t width = std::clamp(std::max(columns, kTextColumns) - kTextColumns, kMinBar, kMaxBar);
  const std::uint64_t longest = std::max({stats.logical_bytes, stats.unique_bytes, stats.stored_page_bytes});
  std::ostream& out = session.out();
  const auto row = [&](const char* what, std::uint64_t bytes, const std::string& times, const std::string& by_what) {
    const std::string line =
        with_ending(fmt::format("{:<9}{:>11}  {:<{}}", what, human_bytes(bytes), bar(bytes, longest, width), width),
                    {"  " + times + by_what, "  " + times}, columns);
    out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  };
  print_counts(stats, store, session);
  row("logical", stats.logical_bytes, "", "");
  row("unique", stats.unique_bytes, ratio(stats.logical_bytes, stats.unique_bytes), " by sharing");
  row("stored", stats.stored_page_bytes, ratio(stats.unique_bytes, stats.stored_page_bytes), " by encoding");
  out << fmt::format("\n{} in all\n", ratio(stats.logical_bytes, stats.stored_page_bytes));
}

void print_record(const StoreStats& stats, const BesidePages& beside, const Store& store, const Session& session) {
  JsonWriter json;
  json.begin_object().field("store", as_utf8(store.path().native()));
  json.field("profile", store.profile() == Profile::pf_core ? "pf-core" : "auto");
  json.field("snapshots", stats.snapshots).field("refs", stats.refs).field("pages", stats.pages);
  json.field("logical_bytes", stats.logical_bytes).field("unique_bytes", stats.unique_bytes);
  json.field("stored_page_bytes", stats.stored_page_bytes);
  json.field("stored_bytes", stats.stored_bytes).field("blobs", stats.blobs);
  json.field("planes_blobs", stats.planes_blobs)
      .field("zstd_blobs", stats.zstd_blobs)
      .field("raw_blobs", stats.raw_blobs);
  json.field("prompts", beside.prompts).field("prompt_bytes", beside.prompt_bytes);
  json.field("prompt_charged_bytes", beside.prompt_charged_bytes);
  json.field("warm_entries", beside.warm_entries).field("warm_bytes", beside.warm_bytes);
  json.field("staging_directories", beside.staging_directories).field("staging_bytes", beside.staging_bytes);
  json.key("unreadable").begin_array();
  for (const std::string& line : stats.unreadable) json.value(line);
  session.print(json.end_array().end_object());
}

int run_stats(const Session& session) {
  Store store = session.open_store();
  const StoreStats stats = collect_stats(store, session.stop());
  const BesidePages beside = collect_beside_pages(store, session);
  if (session.json()) {
    print_record(stats, beside, store, session);
  } else {
    print_text(stats, store, session);
    print_beside_pages(stats, beside, session);
  }
  for (const std::string& line : stats.unreadable) session.warn("not counted: " + line);
  return stats.unreadable.empty() ? kDone : kPart;
}

}  // namespace

Command stats_command() {
  return {"stats", "Show what a store saves",
          "logical: K and V of all pages of all snapshots; unique: what of it differs;\n"
          "stored: the blobs that hold it. Below, what else takes space in the store. Exit\n"
          "status 3 when a snapshot's manifest can't be read.",
          "pfcache stats", [](ArgumentTable&) { return run_stats; }};
}

}  // namespace pfcache::cli
