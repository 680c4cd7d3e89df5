#include <fmt/format.h>

#include "cli/names.hpp"
#include "cli/session.hpp"

namespace pfcache::cli {
namespace {

int run_pin(const std::string& text, bool pinned, const Session& session) {
  Store store = session.open_store();
  const Digest digest = resolve_snapshot(store, text);
  store.catalog().set_pinned(digest, pinned);
  session.note(fmt::format("{} is {}", digest.hex(), pinned ? "pinned" : "not pinned any more"));
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("snapshot", digest.hex()).field("pinned", pinned);
    session.print(json.end_object());
  }
  return kDone;
}

Run declare_pin(ArgumentTable& table, bool pinned) {
  auto text = std::make_shared<std::string>();
  table.positional("SNAPSHOT", pinned ? "what to pin" : "what to unpin", keep(*text));
  return [text, pinned](const Session& session) { return run_pin(*text, pinned, session); };
}

}  // namespace

Command pin_command() {
  return {"pin", "Protect a snapshot from removal", "", "pfcache pin production",
          [](ArgumentTable& table) { return declare_pin(table, true); }};
}

Command unpin_command() {
  return {"unpin", "End the protection by pin", "", "pfcache unpin production",
          [](ArgumentTable& table) { return declare_pin(table, false); }};
}

}  // namespace pfcache::cli
