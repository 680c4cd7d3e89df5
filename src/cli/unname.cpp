#include <fmt/format.h>

#include "cli/session.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

int run_unname(const std::string& name, const Session& session) {
  Store store = session.open_store();
  if (!store.catalog().remove_ref(name)) {
    throw Error(Errc::not_found, fmt::format("no name '{}' in {}", name, store.path().native()));
  }
  session.note(fmt::format("{} names nothing any more; the snapshot stays", name));
  if (session.json()) {
    JsonWriter json;
    session.print(json.begin_object().field("name", name).end_object());
  }
  return kDone;
}

}  // namespace

Command unname_command() {
  return {"unname", "Take a name away from its snapshot", "The snapshot stays.", "pfcache unname production",
          [](ArgumentTable& table) {
            auto name = std::make_shared<std::string>();
            table.positional("NAME", "the name to take away", keep(*name));
            return [name](const Session& session) { return run_unname(*name, session); };
          }};
}

}  // namespace pfcache::cli
