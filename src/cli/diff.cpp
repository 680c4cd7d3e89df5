#include <fmt/format.h>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/inspect.hpp"

namespace pfcache::cli {
namespace {

struct DiffArguments {
  std::string a;
  std::string b;
};

void print_text(const SnapshotDiff& diff, std::ostream& out) {
  const auto row = [](const char* what, const SnapshotDiff::Part& part) {
    return std::vector<std::string>{what, std::to_string(part.pages), human_bytes(part.bytes)};
  };
  out << table({"", ">PAGES", ">SIZE"},
               {row("shared", diff.shared), row("only in A", diff.only_a), row("only in B", diff.only_b)});
  for (const std::string& line : diff.geometry) out << "differs    " << printable(line) << '\n';
}

void print_record(const Digest& a, const Digest& b, const SnapshotDiff& diff, const Session& session) {
  JsonWriter json;
  const auto part = [&](const char* name, const SnapshotDiff::Part& content) {
    json.key(name).begin_object().field("pages", content.pages).field("bytes", content.bytes).end_object();
  };
  json.begin_object().field("a", a.hex()).field("b", b.hex());
  part("shared", diff.shared);
  part("only_a", diff.only_a);
  part("only_b", diff.only_b);
  json.key("geometry").begin_array();
  for (const std::string& line : diff.geometry) json.value(line);
  session.print(json.end_array().end_object());
}

int run_diff(const DiffArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  const Digest a = resolve_snapshot(store, arguments.a);
  const Digest b = resolve_snapshot(store, arguments.b);
  const SnapshotDiff diff = diff_manifests(store.manifest(a), store.manifest(b));
  if (session.json()) {
    print_record(a, b, diff, session);
  } else {
    print_text(diff, session.out());
  }
  return kDone;
}

}  // namespace

Command diff_command() {
  return {"diff", "Compare the pages of two snapshots",
          "A page is its content, K and V; where it stands does not matter. Sizes are of\n"
          "plain bytes. The exit status does not tell whether there is a difference.",
          "pfcache diff chat chat-longer", [](ArgumentTable& table) {
            auto arguments = std::make_shared<DiffArguments>();
            table.positional("A", "a snapshot", keep(arguments->a));
            table.positional("B", "another snapshot", keep(arguments->b));
            return [arguments](const Session& session) { return run_diff(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
