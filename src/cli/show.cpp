#include <fmt/format.h>

#include <set>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct ShowArguments {
  std::string snapshot;
  bool manifest = false;
};

/// The blobs of one snapshot, as they lie in the store.
struct Stored {
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;
  std::uint64_t missing = 0;
};

struct Facts {
  Digest digest;
  PageManifest manifest;
  std::optional<SealRecord> seal;
  std::vector<std::string> names;
  std::vector<FileRecord> files;
  Stored stored;
  std::uint64_t tokens = 0;
  std::uint64_t logical_bytes = 0;
};

std::uint64_t token_count(const LogicalSeq& seq, std::uint64_t page_tokens) {
  if (seq.page_ixs.empty()) return 0;
  return (seq.page_ixs.size() - 1) * page_tokens + (seq.fill_in_last_page == 0 ? page_tokens : seq.fill_in_last_page);
}

Stored measure(const Store& store, const Digest& digest, const PageManifest& manifest) {
  std::set<Digest> needed = {digest};
  for (const PageEntry& page : manifest.pages) needed.insert({page.k, page.v});
  Stored stored;
  for (const Digest& blob : needed) {
    const auto info = store.blobs().find(blob);
    if (!info) {
      ++stored.missing;
      continue;
    }
    ++stored.blobs;
    stored.bytes += info->stored_bytes;
  }
  return stored;
}

Facts collect(const Store& store, const Digest& digest) {
  Facts facts;
  facts.digest = digest;
  facts.manifest = store.manifest(digest);
  facts.seal = store.catalog().find(digest);
  facts.names = refs_to(store, digest);
  facts.files = records_of(store, digest);
  facts.stored = measure(store, digest, facts.manifest);
  for (const LogicalSeq& seq : facts.manifest.logical_seqs) {
    facts.tokens += token_count(seq, facts.manifest.meta.page_size_tokens);
  }
  facts.logical_bytes = 2 * facts.manifest.meta.page_bytes() * facts.manifest.pages.size();
  return facts;
}

std::string seal_text(const std::optional<SealRecord>& seal) {
  if (!seal) return "no";
  std::string text = utc_time(seal->sealed_unix_secs);
  if (!seal->by.empty()) text += " by " + seal->by;
  if (!seal->source.empty()) text += " from " + seal->source;
  return printable(text);
}

void print_lists(const Facts& facts, std::ostream& out) {
  const CacheMeta& meta = facts.manifest.meta;
  for (const FileRecord& file : facts.files) {
    out << fmt::format("file       {}: {}, {}, elements are {}\n", file.name, printable(file.format),
                       human_bytes(file.file_bytes), printable(file.element));
  }
  for (const LogicalSeq& seq : facts.manifest.logical_seqs) {
    out << fmt::format("sequence   '{}': {} in {}\n", printable(seq.id),
                       counted(token_count(seq, meta.page_size_tokens), "token"), counted(seq.page_ixs.size(), "page"));
  }
  for (const std::string& problem : facts.manifest.problems()) out << "problem    " << printable(problem) << '\n';
}

void print_text(const Facts& facts, std::ostream& out) {
  const CacheMeta& meta = facts.manifest.meta;
  out << fmt::format("snapshot   {}\n", facts.digest.hex());
  if (!facts.names.empty()) out << fmt::format("names      {}\n", join(facts.names, ", "));
  out << fmt::format("sealed     {}\n", seal_text(facts.seal));
  if (facts.seal && facts.seal->pinned) out << "pinned     yes\n";
  out << fmt::format("geometry   {} a page, {}, {}, {} a head, {}\n", counted(meta.page_size_tokens, "token"),
                     counted(meta.n_layers, "layer"), counted(meta.n_heads, "KV head"),
                     counted(meta.head_dim, "element"), name_of(meta.dtype));
  out << fmt::format("pages      {} of 2 x {}: {}\n", facts.manifest.pages.size(), human_bytes(meta.page_bytes()),
                     human_bytes(facts.logical_bytes));
  out << fmt::format("tokens     {} in {}\n", facts.tokens, counted(facts.manifest.logical_seqs.size(), "sequence"));
  out << fmt::format("stored     {} in {}\n", human_bytes(facts.stored.bytes), counted(facts.stored.blobs, "blob"));
  if (facts.stored.missing != 0) out << fmt::format("missing    {}\n", counted(facts.stored.missing, "blob"));
  print_lists(facts, out);
}

void add_seal(JsonWriter& json, const std::optional<SealRecord>& seal) {
  json.key("sealed");
  if (!seal) {
    json.null();
    return;
  }
  json.begin_object().field("unix_secs", seal->sealed_unix_secs).field("by", seal->by);
  json.field("source", seal->source).field("pinned", seal->pinned).end_object();
}

void add_lists(JsonWriter& json, const Facts& facts) {
  json.key("files").begin_array();
  for (const FileRecord& file : facts.files) {
    json.begin_object().field("name", file.name).field("format", file.format);
    json.field("file_bytes", file.file_bytes).field("file_sha256", file.file.hex());
    json.field("element", file.element).end_object();
  }
  json.end_array().key("sequences").begin_array();
  for (const LogicalSeq& seq : facts.manifest.logical_seqs) {
    json.begin_object().field("id", seq.id).field("pages", seq.page_ixs.size());
    json.field("tokens", token_count(seq, facts.manifest.meta.page_size_tokens)).end_object();
  }
  json.end_array().key("problems").begin_array();
  for (const std::string& problem : facts.manifest.problems()) json.value(problem);
  json.end_array();
}

void print_record(const Facts& facts, const Session& session) {
  const CacheMeta& meta = facts.manifest.meta;
  JsonWriter json;
  json.begin_object().field("snapshot", facts.digest.hex()).key("names").begin_array();
  for (const std::string& name : facts.names) json.value(name);
  json.end_array();
  add_seal(json, facts.seal);
  json.key("geometry").begin_object().field("page_size_tokens", meta.page_size_tokens);
  json.field("n_layers", meta.n_layers).field("n_heads", meta.n_heads).field("head_dim", meta.head_dim);
  json.field("dtype", name_of(meta.dtype)).end_object();
  json.field("pages", facts.manifest.pages.size()).field("page_bytes", meta.page_bytes());
  json.field("logical_bytes", facts.logical_bytes).field("tokens", facts.tokens);
  json.field("blobs", facts.stored.blobs).field("stored_bytes", facts.stored.bytes);
  json.field("missing_blobs", facts.stored.missing);
  add_lists(json, facts);
  session.print(json.end_object());
}

int run_show(const ShowArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  const Digest digest = resolve_snapshot(store, arguments.snapshot);
  if (arguments.manifest) {
    // A terminal's prompt wants a new line; everybody else wants the exact bytes.
    session.out() << store.manifest_bytes(digest) << (session.out_is_terminal() ? "\n" : "");
    return kDone;
  }
  const Facts facts = collect(store, digest);
  if (session.json()) {
    print_record(facts, session);
  } else {
    print_text(facts, session.out());
  }
  if (facts.stored.missing == 0) return kDone;
  session.warn(
      fmt::format("{} of snapshot {} are not in the store", counted(facts.stored.missing, "blob"), digest.hex()));
  return kDamage;
}

}  // namespace

Command show_command() {
  return {"show", "Describe a snapshot",
          "Its geometry, pages, tokens, sequences, names, and what it takes on disk. Exit\n"
          "status 13 when the store lacks one of its blobs; verify reads them all.",
          "pfcache show chat --manifest | jq .dtype", [](ArgumentTable& table) {
            auto arguments = std::make_shared<ShowArguments>();
            table.positional("SNAPSHOT", "what to describe", keep(arguments->snapshot));
            table.flag("--manifest", arguments->manifest, "print the manifest's exact bytes instead");
            return [arguments](const Session& session) { return run_show(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
