#include <fmt/format.h>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct RemoveArguments {
  std::string snapshot;
  bool force = false;
};

/// What goes away with a snapshot.
struct Needs {
  std::vector<std::string> refs;
  std::vector<std::string> files;
};

Needs collect(const Store& store, const Digest& digest) {
  Needs needs{refs_to(store, digest), {}};
  for (const FileRecord& record : records_of(store, digest)) needs.files.push_back(record.name);
  return needs;
}

void refuse_if_needed(const Needs& needs, const RemoveArguments& arguments, const Digest& digest) {
  std::vector<std::string> reasons;
  for (const std::string& ref : needs.refs) {
    if (ref != arguments.snapshot) reasons.push_back("the name " + ref);
  }
  for (const std::string& file : needs.files) reasons.push_back("the engine file " + file);
  if (reasons.empty() || arguments.force) return;
  throw Error(Errc::busy, fmt::format("snapshot {} is needed by {}; with --force that goes too", digest.hex(),
                                      join(reasons, ", ")));
}

/// From the outside in, so that nothing is left that points at what is gone. A name that another process gives while
/// this runs may be left over; it then names nothing and can be moved or taken away.
void take_away(Store& store, const Needs& needs, const Digest& digest) {
  for (const std::string& ref : needs.refs) store.catalog().remove_ref(ref);
  for (const std::string& file : needs.files) remove_file_record(store, file);
  if (!store.catalog().remove(digest)) {
    throw Error(Errc::not_found, fmt::format("somebody else removed snapshot {} meanwhile", digest.hex()));
  }
}

void add_names(JsonWriter& json, const char* key, const std::vector<std::string>& names) {
  json.key(key).begin_array();
  for (const std::string& name : names) json.value(name);
  json.end_array();
}

int run_remove(const RemoveArguments& arguments, const Session& session) {
  Store store = session.open_store();
  const Digest digest = resolve_name(store, arguments.snapshot);
  const auto seal = store.catalog().find(digest);
  if (!seal) {
    throw Error(Errc::not_found, fmt::format("no sealed snapshot {} in {}", digest.hex(), store.path().native()));
  }
  if (seal->pinned) {
    throw Error(Errc::busy, fmt::format("snapshot {} is pinned; pfcache unpin it first", digest.hex()));
  }
  const Needs needs = collect(store, digest);
  refuse_if_needed(needs, arguments, digest);
  take_away(store, needs, digest);
  session.note(fmt::format("removed {}; its space is given back by a later clean-up", digest.hex()));
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("snapshot", digest.hex());
    add_names(json, "names", needs.refs);
    add_names(json, "files", needs.files);
    session.print(json.end_object());
  }
  return kDone;
}

}  // namespace

Command remove_command() {
  return {"remove", "Remove a snapshot from the store",
          "Refused, with exit status 11, for a pinned snapshot, and for one that is needed by\n"
          "a name other than the one given here or by an engine file. Its pages stay on disk\n"
          "until a clean-up; until then 'pfcache name DIGEST NAME' brings it back.",
          "pfcache remove chat", [](ArgumentTable& table) {
            auto arguments = std::make_shared<RemoveArguments>();
            table.positional("SNAPSHOT", "what to remove", keep(arguments->snapshot));
            table.flag("--force", arguments->force, "and every name and engine file that needs it");
            return [arguments](const Session& session) { return run_remove(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
