#include "pfcache/capture.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/seal.hpp"
#include "cli/session.hpp"
#include "cli/synthetic.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::cli {
namespace {

struct CaptureArguments {
  std::string source;
  std::optional<SyntheticSource> synthetic;
  SyntheticShape shape;
  std::optional<std::string> name;
  CaptureOptions options;
};

struct Captured {
  CaptureResult snapshot;
  std::optional<FileRecord> record;
};

/// Stores and seals what `arguments` name.
Captured capture(const CaptureArguments& arguments, Store& store) {
  if (arguments.synthetic) {
    const CaptureResult made =
        capture_synthetic(*arguments.synthetic, arguments.shape, store.blobs(), arguments.options);
    seal_snapshot(store, made, arguments.source);
    return {made, std::nullopt};
  }
  const std::filesystem::path path = arguments.source;
  const auto status = std::filesystem::status(path);
  if (status.type() == std::filesystem::file_type::not_found) {
    throw Error(Errc::not_found, fmt::format("no file or directory {}", arguments.source));
  }
  if (std::filesystem::is_directory(status)) {
    const CaptureResult made = capture_directory(path, store.blobs(), arguments.options);
    seal_snapshot(store, made, arguments.source);
    return {made, std::nullopt};
  }
  if (std::filesystem::is_regular_file(status) && is_engine_file(path)) {
    EngineCapture made = capture_engine_file(path, store, arguments.name, arguments.options);
    return {made.snapshot, std::move(made.record)};
  }
  throw Error(Errc::unsupported,
              fmt::format("{}: expected a directory with a manifest.json, or a llama.cpp sequence-state file",
                          arguments.source));
}

/// Plain bytes of K and V that were in the store already. Of the blobs that were added one is the manifest, which can't
/// have been there before the pages it names, and for an engine file one is the bytes around its pages.
std::uint64_t shared_bytes(const Captured& captured) {
  const CaptureResult& snapshot = captured.snapshot;
  if (snapshot.pages == 0) return 0;
  const std::uint64_t others = captured.record ? 2 : 1;
  const std::uint64_t added_halves = snapshot.added_blobs - std::min(snapshot.added_blobs, others);
  const std::uint64_t half_bytes = snapshot.logical_bytes / snapshot.pages / 2;
  return snapshot.logical_bytes - std::min(snapshot.logical_bytes, added_halves * half_bytes);
}

void print_record(const CaptureArguments& arguments, const Captured& captured, const Session& session) {
  const CaptureResult& snapshot = captured.snapshot;
  JsonWriter record;
  record.begin_object().field("snapshot", snapshot.digest.hex());
  record.field("pages", snapshot.pages).field("logical_bytes", snapshot.logical_bytes);
  record.field("added_blobs", snapshot.added_blobs).field("added_bytes", snapshot.added_bytes);
  record.field("shared_bytes", shared_bytes(captured));
  record.field("pause_nanos", snapshot.pause.count());
  if (arguments.name) record.field("name", *arguments.name);
  if (captured.record) record.field("file", captured.record->name);
  session.print(record.end_object());
}

int run_capture(const CaptureArguments& arguments, const Session& session) {
  if (arguments.shape.is_given && !arguments.synthetic) {
    throw Error(Errc::invalid_argument, "options of a geometry go with a SOURCE of synthetic:PAGES:SEED only");
  }
  Store store = session.open_store();
  CaptureArguments complete = arguments;
  complete.options.stop = session.stop();
  // Held until the snapshot is sealed and named, so that no clean-up takes it for garbage before.
  const WriterLease lease = store.lease();
  const Captured captured = session.with_progress("capture", [&](const OnProgress& on_progress) {
    complete.options.on_progress = on_progress;
    return capture(complete, store);
  });
  if (arguments.name) store.catalog().set_ref(*arguments.name, captured.snapshot.digest);

  const CaptureResult& snapshot = captured.snapshot;
  session.note(fmt::format("{}, {}; new: {}, {} stored; {} were in the store already", counted(snapshot.pages, "page"),
                           human_bytes(snapshot.logical_bytes), counted(snapshot.added_blobs, "blob"),
                           human_bytes(snapshot.added_bytes), human_bytes(shared_bytes(captured))));
  if (session.json()) {
    print_record(arguments, captured, session);
  } else {
    session.out() << snapshot.digest.hex() << '\n';
  }
  return kDone;
}

constexpr const char* kDetails = R"(SOURCE is one of
  a directory as under /snap of a mount: manifest.json and pages/; the manifest
    may leave out pages, or their digests
  a llama.cpp sequence-state file; its record, under NAME or its own name, lets
    restore write the file again
  synthetic:PAGES:SEED, pages made from a seed, in the geometry of the options

The snapshot's 64 hex digits are printed.)";

Run declare_capture(ArgumentTable& table) {
  auto arguments = std::make_shared<CaptureArguments>();
  table.positional("SOURCE", "what to capture", [arguments](std::string_view text) {
    if (text.empty()) throw Error(Errc::invalid_argument, "SOURCE: expected a path, found an empty text");
    arguments->source = std::string(text);
    arguments->synthetic = parse_synthetic(text);
  });
  table.option("--name", "NAME", "name the snapshot (moves the name)",
               [arguments](std::string_view text) { arguments->name = parse_name("--name", text); });
  table.option("--threads", "N", "that hash and encode (0: one a CPU)",
               [arguments](std::string_view text) { arguments->options.threads = parse_threads(text); });
  table.option("--memory-limit", "SIZE", "copy up to SIZE before work begins", [arguments](std::string_view text) {
    arguments->options.memory_limit_bytes = parse_size("--memory-limit", text);
  });
  declare_shape(table, std::shared_ptr<SyntheticShape>(arguments, &arguments->shape));
  return [arguments](const Session& session) { return run_capture(*arguments, session); };
}

}  // namespace

Command capture_command() {
  return {"capture", "Store a snapshot and print its digest", kDetails, "pfcache capture slot-0.bin --name chat",
          declare_capture};
}

}  // namespace pfcache::cli
