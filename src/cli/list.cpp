#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/list_staging.hpp"
#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct ListArguments {
  bool full = false;
  bool staging = false;
};

struct Line {
  Digest digest;
  SealRecord record;
  std::vector<std::string> names;
  std::vector<FileRecord> files;
};

struct Listing {
  std::vector<Line> lines;  // newest first
  bool is_complete = true;
};

Listing collect(const Store& store, const Session& session) {
  std::map<Digest, Line> found;
  for (const Digest& digest : store.catalog().snapshots()) {
    // A snapshot that somebody else removes meanwhile is left out.
    if (auto record = store.catalog().find(digest)) found[digest] = {digest, std::move(*record), {}, {}};
  }
  Listing listing;
  for (const Ref& ref : store.catalog().refs()) {
    const auto line = found.find(ref.digest);
    if (line != found.end()) {
      line->second.names.push_back(ref.name);
    } else if (!store.catalog().contains(ref.digest)) {
      session.warn(fmt::format("the name {} is of a snapshot that is not here: {}", ref.name, ref.digest.hex()));
    }
  }
  try {
    for (FileRecord& record : list_file_records(store)) {
      const auto line = found.find(record.snapshot);
      if (line != found.end()) line->second.files.push_back(std::move(record));
    }
  } catch (const Error& error) {
    if (error.code() != Errc::malformed) throw;
    session.warn(fmt::format("engine files are not listed: {}", error.what()));
    listing.is_complete = false;
  }
  for (auto& [digest, line] : found) listing.lines.push_back(std::move(line));
  std::stable_sort(listing.lines.begin(), listing.lines.end(),
                   [](const Line& a, const Line& b) { return a.record.sealed_unix_secs > b.record.sealed_unix_secs; });
  return listing;
}

std::vector<std::string> names_of(const std::vector<FileRecord>& files) {
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const FileRecord& file : files) names.push_back(file.name);
  return names;
}

void print_text(const Listing& listing, bool full, const Session& session) {
  std::vector<std::vector<std::string>> rows;
  for (const Line& line : listing.lines) {
    rows.push_back({full ? line.digest.hex() : short_hex(line.digest), std::to_string(line.record.pages),
                    human_bytes(line.record.logical_bytes), utc_time(line.record.sealed_unix_secs),
                    line.record.pinned ? "pinned" : "", join(line.names, ","), join(names_of(line.files), ",")});
  }
  session.out() << table({"SNAPSHOT", ">PAGES", ">SIZE", "SEALED", "PIN", "NAMES", "FILES"}, rows);
}

void print_record(const Listing& listing, const Session& session) {
  JsonWriter json;
  json.begin_object().key("snapshots").begin_array();
  for (const Line& line : listing.lines) {
    json.begin_object().field("snapshot", line.digest.hex()).key("names").begin_array();
    for (const std::string& name : line.names) json.value(name);
    json.end_array().field("pages", line.record.pages).field("logical_bytes", line.record.logical_bytes);
    json.field("sealed_unix_secs", line.record.sealed_unix_secs).field("by", line.record.by);
    json.field("source", line.record.source).field("pinned", line.record.pinned);
    json.key("files").begin_array();
    for (const std::string& name : names_of(line.files)) json.value(name);
    json.end_array().end_object();
  }
  session.print(json.end_array().field("complete", listing.is_complete).end_object());
}

int run_list(const ListArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  if (arguments.staging) return list_staging_directories(store, session);
  const Listing listing = collect(store, session);
  if (store.is_foreign()) {
    session.note("a pf-core store: its snapshots are not listed until they are named (pfcache name DIGEST NAME)");
  }
  if (session.json()) {
    print_record(listing, session);
  } else {
    print_text(listing, arguments.full, session);
  }
  return listing.is_complete ? kDone : kPart;
}

}  // namespace

Command list_command() {
  return {"list", "List the snapshots of a store, newest first", "", "pfcache list --full", [](ArgumentTable& table) {
            auto arguments = std::make_shared<ListArguments>();
            table.flag("--full", arguments->full, "all 64 digits of the digests");
            table.flag("--staging", arguments->staging, "what is still arriving instead");
            return [arguments](const Session& session) { return run_list(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
