#include "warm/run_record.hpp"

#include <fmt/format.h>

#include "base/json_reader.hpp"
#include "pfcache/error.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kSchemaVersion = 1;
constexpr std::uint64_t kNanosPerSecond = 1'000'000'000;

[[noreturn]] void refuse(std::string_view name, std::string_view field, std::string_view expected) {
  throw Error(Errc::malformed, fmt::format("{}: field '{}': expected {}", name, field, expected));
}

void require_known_schema(const JsonObject& root, std::string_view name) {
  const std::uint32_t schema = root.u32("schema_version");
  if (schema == kSchemaVersion) return;
  throw Error(Errc::unsupported, fmt::format("{}: schema version {}, known is {}", name, schema, kSchemaVersion));
}

EntryKind parse_kind(std::string_view text, std::string_view name) {
  for (const EntryKind kind : {EntryKind::checkpoint, EntryKind::final}) {
    if (text == name_of(kind)) return kind;
  }
  refuse(name, "kind", "Checkpoint or Final");
}

Digest parse_checksum(std::string_view hex, std::string_view name) {
  const auto digest = hex.size() == Digest::kHexChars ? Digest::try_parse(hex) : std::nullopt;
  if (!digest) refuse(name, "checksum_hex", "64 lower-case hex digits");
  return *digest;
}

std::uint32_t parse_nanos(const JsonObject& root, std::string_view name) {
  const std::uint64_t nanos = root.has("written_nanos") ? root.u64("written_nanos") : 0;
  if (nanos >= kNanosPerSecond) refuse(name, "written_nanos", "less than a second");
  return static_cast<std::uint32_t>(nanos);
}

}  // namespace

std::string_view name_of(EntryKind kind) noexcept { return kind == EntryKind::final ? "Final" : "Checkpoint"; }

std::string to_json(const WarmRun& about) {
  JsonWriter json(JsonWriter::Layout::two_spaces);
  json.begin_object().field("schema_version", kSchemaVersion).field("written_unix_secs", about.written_unix_secs);
  json.field("written_nanos", about.written_nanos);
  json.field("objective", about.objective);
  json.field("iteration", about.iteration);
  json.field("kind", name_of(about.kind)).field("checksum_hex", about.checksum.hex());
  return json.field("payload_bytes", about.payload_bytes).end_object().take();
}

WarmRun parse_run_record(std::string_view json, std::string_view name) {
  const JsonDocument document(json, name);
  const JsonObject root = document.root();
  require_known_schema(root, name);
  WarmRun about;
  about.written_unix_secs = root.u64("written_unix_secs");
  about.written_nanos = parse_nanos(root, name);
  about.objective = root.optional_f64("objective");
  about.iteration = root.optional_u64("iteration");
  about.kind = parse_kind(root.text("kind"), name);
  about.checksum = parse_checksum(root.text("checksum_hex"), name);
  about.payload_bytes = root.u64("payload_bytes");
  return about;
}

}  // namespace pfcache
