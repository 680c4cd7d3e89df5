#include "snapshot/seal_record.hpp"

#include <algorithm>

#include "base/json_reader.hpp"
#include "pfcache/error.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache {
namespace {

std::string write(const SealRecord& record) {
  JsonWriter json;
  json.begin_object()
      .field("sealed_unix_secs", record.sealed_unix_secs)
      .field("by", record.by)
      .field("source", record.source)
      .field("pinned", record.pinned)
      .field("pages", record.pages)
      .field("logical_bytes", record.logical_bytes)
      .end_object();
  return json.take();
}

bool can_be_read(const std::string& json) {
  try {
    static_cast<void>(parse_seal_record(json, "record"));
    return true;
  } catch (const Error&) {
    return false;
  }
}

void keep_ascii(std::string& text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
}

}  // namespace

std::string to_json(const SealRecord& record) {
  SealRecord written = record;
  written.by = written.by.substr(0, kMaxSealTextBytes);
  written.source = written.source.substr(0, kMaxSealTextBytes);
  std::string json = write(written);
  if (can_be_read(json)) return json;
  // A path is any bytes, JSON only UTF-8. Losing its accents is better than losing the record and its pin.
  keep_ascii(written.by);
  keep_ascii(written.source);
  return write(written);
}

SealRecord parse_seal_record(std::string_view json, std::string_view name) {
  const JsonDocument document(json, name);
  const JsonObject root = document.root();
  SealRecord record;
  record.sealed_unix_secs = root.i64("sealed_unix_secs");
  record.by = root.text("by");
  record.source = root.text("source");
  record.pinned = root.boolean("pinned");
  record.pages = root.u64("pages");
  record.logical_bytes = root.u64("logical_bytes");
  return record;
}

}  // namespace pfcache
