#include "pfcache/restore.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::cli {
namespace {

enum class Shape { file, directory };

struct RestoreArguments {
  std::string snapshot;
  std::string dest;
  std::optional<Shape> shape;
  bool force = false;
  RestoreOptions options;
};

Shape parse_shape(std::string_view text) {
  if (text == "file") return Shape::file;
  if (text == "directory") return Shape::directory;
  throw Error(Errc::invalid_argument, fmt::format("--as: expected file or directory, found '{}'", text));
}

/// The record to write, of several for one snapshot: the one that SNAPSHOT names, or any when all describe one file.
FileRecord pick(const std::vector<FileRecord>& records, const std::string& snapshot) {
  const auto named = std::find_if(records.begin(), records.end(), [&](const auto& it) { return it.name == snapshot; });
  if (named != records.end()) return *named;
  const bool all_equal = std::all_of(records.begin(), records.end(),
                                     [&](const FileRecord& record) { return record.file == records.front().file; });
  if (all_equal) return records.front();
  std::vector<std::string> names;
  names.reserve(records.size());
  for (const FileRecord& record : records) names.push_back(record.name);
  throw Error(Errc::invalid_argument,
              fmt::format("snapshot {} has the pages of different files; name one of them instead: {}", snapshot,
                          join(names, ", ")));
}

/// The engine file to write; nothing when it is to be a directory.
std::optional<FileRecord> choose(const RestoreArguments& arguments, const Store& store, const Digest& digest) {
  if (arguments.shape == Shape::directory) return std::nullopt;
  const bool fits = !arguments.dest.ends_with('/') && !std::filesystem::is_directory(arguments.dest);
  if (!fits && !arguments.shape) return std::nullopt;
  const std::vector<FileRecord> records = records_of(store, digest);
  if (records.empty()) {
    if (!arguments.shape) return std::nullopt;
    throw Error(Errc::not_found, fmt::format("snapshot {} was not captured from an engine's file", arguments.snapshot));
  }
  if (!fits) {
    throw Error(Errc::invalid_argument,
                fmt::format("DEST: expected a file's path, found the directory {}", arguments.dest));
  }
  return pick(records, arguments.snapshot);
}

std::filesystem::path without_trailing_slashes(std::string text) {
  while (text.size() > 1 && text.back() == '/') text.pop_back();
  return text;
}

int run_restore(const RestoreArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  const Digest digest = resolve_snapshot(store, arguments.snapshot);
  RestoreOptions options = arguments.options;
  options.stop = session.stop();
  const std::optional<FileRecord> record = choose(arguments, store, digest);
  const std::filesystem::path dest = without_trailing_slashes(arguments.dest);
  const RestoreResult result = session.with_progress("restore", [&](const OnProgress& on_progress) {
    options.on_progress = on_progress;
    return record ? restore_engine_file(store, *record, dest, arguments.force, options)
                  : restore_directory(store.blobs(), digest, dest, options);
  });
  session.note(fmt::format("{}, {} restored to {}{}", counted(result.pages, "page"),
                           human_bytes(record ? record->file_bytes : result.logical_bytes),
                           record ? "the file " : "the directory ", dest.native()));
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("snapshot", digest.hex());
    json.field("dest", as_utf8(dest.native())).field("as", record ? "file" : "directory");
    if (record) json.field("file", record->name);
    session.print(json.field("pages", result.pages).field("logical_bytes", result.logical_bytes).end_object());
  }
  return kDone;
}

constexpr const char* kDetails = R"(A snapshot captured from an engine's file becomes that file again, byte for byte,
unless DEST is a directory or ends with a slash. Every other snapshot becomes a
directory with manifest.json and pages/, which must not exist or be empty.
DEST appears whole or not at all.)";

Run declare_restore(ArgumentTable& table) {
  auto arguments = std::make_shared<RestoreArguments>();
  table.positional("SNAPSHOT", "what to restore", keep(arguments->snapshot));
  table.positional("DEST", "the file or directory to write", [arguments](std::string_view text) {
    if (text.empty()) throw Error(Errc::invalid_argument, "DEST: expected a path, found an empty text");
    arguments->dest = std::string(text);
  });
  table.option("--as", "file|directory", "instead of what DEST suggests",
               [arguments](std::string_view text) { arguments->shape = parse_shape(text); });
  table.flag("--force", arguments->force, "overwrite an existing engine file");
  table.option("--threads", "N", "that read and verify (0: one a CPU)",
               [arguments](std::string_view text) { arguments->options.threads = parse_threads(text); });
  return [arguments](const Session& session) { return run_restore(*arguments, session); };
}

}  // namespace

Command restore_command() {
  return {"restore", "Write a snapshot as files", kDetails, "pfcache restore chat slot-0.bin", declare_restore};
}

}  // namespace pfcache::cli
