#include <fmt/format.h>

#include "cli/names.hpp"
#include "cli/seal.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"
#include "pfcache/inspect.hpp"

namespace pfcache::cli {
namespace {

struct NameArguments {
  std::string snapshot;
  std::string name;
};

/// Seals a manifest that the store holds, when all that it needs is there and intact: one that pf-core wrote, or a
/// snapshot that was removed and not yet cleaned up.
void seal_whole(Store& store, const Digest& digest, const Session& session) {
  const WriterLease lease = store.lease();
  if (!store.blobs().contains(digest)) {
    throw Error(Errc::not_found, fmt::format("no snapshot {} in {}", digest.hex(), store.path().native()));
  }
  const PageManifest manifest = store.manifest(digest);
  const VerifyReport report = verify_snapshots(store, {digest}, {.threads = 0, .stop = session.stop()});
  if (!report.damage.empty()) {
    throw Error(Errc::damaged, fmt::format("snapshot {} is not whole: {}", digest.hex(), join(report.damage, "; ")));
  }
  const std::uint64_t pages = manifest.pages.size();
  CaptureResult snapshot;
  snapshot.digest = digest;
  snapshot.pages = pages;
  snapshot.logical_bytes = 2 * manifest.meta.page_bytes() * pages;
  seal_snapshot(store, snapshot, "");
  session.note(fmt::format("sealed {}: {} are whole", digest.hex(), counted(pages, "page")));
}

/// What the name was before. A damaged ref is to be replaced, not to stand in the way.
std::optional<Digest> previous(const Store& store, const std::string& name) {
  try {
    return store.catalog().ref(name);
  } catch (const Error& error) {
    if (error.code() != Errc::malformed) throw;
    return std::nullopt;
  }
}

int run_name(const NameArguments& arguments, const Session& session) {
  Store store = session.open_store();
  const Digest digest = resolve_name(store, arguments.snapshot);
  if (!store.catalog().contains(digest)) seal_whole(store, digest, session);
  const std::optional<Digest> before = previous(store, arguments.name);
  store.catalog().set_ref(arguments.name, digest);
  const bool is_moved = before && *before != digest;
  session.note(fmt::format("{} names {}{}", arguments.name, digest.hex(), is_moved ? ", before " + before->hex() : ""));
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("name", arguments.name);
    json.field("snapshot", digest.hex());
    json.field("previous", before ? std::optional(before->hex()) : std::nullopt);
    session.print(json.end_object());
  }
  return kDone;
}

}  // namespace

Command name_command() {
  return {"name", "Give a snapshot a name",
          "A name that is taken moves to this snapshot. A manifest that is in the store but\n"
          "not sealed (pf-core wrote it, or it was removed and not yet cleaned up) is named by\n"
          "its full digest: it is verified and sealed.",
          "pfcache name 530ae64d production", [](ArgumentTable& table) {
            auto arguments = std::make_shared<NameArguments>();
            table.positional("SNAPSHOT", "what to name", keep(arguments->snapshot));
            table.positional("NAME", "1 to 128 of A-Z a-z 0-9 . _ -, not starting with a dot",
                             [arguments](std::string_view text) { arguments->name = parse_name("NAME", text); });
            return [arguments](const Session& session) { return run_name(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
