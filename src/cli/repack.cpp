#include "pfcache/repack.hpp"

#include <fmt/format.h>

#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

EncodingPolicy parse_encoding(std::string_view text) {
  if (const auto encoding = encoding_named(text)) return *encoding;
  throw Error(Errc::invalid_argument, fmt::format("--encoding: expected auto, zst19 or raw, found '{}'", text));
}

void print_text(const RepackReport& report, const Session& session) {
  for (const std::string& line : report.damage) session.out() << "damaged    " << printable(line) << '\n';
  session.note(fmt::format("{} of {} converted; stored: {} before, {} now", report.converted,
                           counted(report.blobs, "blob"), human_bytes(report.bytes_before),
                           human_bytes(report.bytes_after)));
}

void print_record(const RepackReport& report, const Session& session) {
  JsonWriter json;
  json.begin_object().field("blobs", report.blobs).field("converted", report.converted);
  json.field("files_removed", report.files_removed);
  json.field("bytes_before", report.bytes_before).field("bytes_after", report.bytes_after);
  json.key("damage").begin_array();
  for (const std::string& line : report.damage) json.value(line);
  session.print(json.end_array().end_object());
}

int run_repack(const RepackOptions& arguments, const Session& session) {
  Store store = session.open_store();
  RepackOptions options = arguments;
  options.stop = session.stop();
  const RepackReport report = session.with_progress("repack", [&](const OnProgress& on_progress) {
    options.on_progress = on_progress;
    return repack_store(store, options);
  });
  if (session.json()) {
    print_record(report, session);
  } else {
    print_text(report, session);
  }
  return report.damage.empty() ? kDone : kDamage;
}

}  // namespace

Command repack_command() {
  return {"repack", "Change the encoding of stored blobs",
          "Works while the store is in use. An interrupted repack is started again and goes\n"
          "on. auto: planes of bytes or zstd, what suits each blob, or raw where they save\n"
          "little; zst19: one zstd frame, which pf-core reads; raw: the bytes themselves.\n"
          "Without --encoding what the store writes. A blob that is damaged is left\n"
          "as it is: exit status 13. Exit status 11 while another repack runs.",
          "pfcache repack --encoding raw", [](ArgumentTable& table) {
            auto options = std::make_shared<RepackOptions>();
            table.option("--encoding", "KIND", "auto, zst19 or raw",
                         [options](std::string_view text) { options->encoding = parse_encoding(text); });
            table.option("--threads", "N", "that decode and encode (0: one a CPU)",
                         [options](std::string_view text) { options->threads = parse_threads(text); });
            return [options](const Session& session) { return run_repack(*options, session); };
          }};
}

}  // namespace pfcache::cli
