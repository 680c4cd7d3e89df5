// A seal record from anywhere: refused as malformed, or read, written, and read back the same.
#include "snapshot/seal_record.hpp"

#include <cstdlib>
#include <span>

#include "base/bytes.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

using namespace pfcache;

void require(bool holds) {
  if (!holds) std::abort();
}

// The text itself as what was captured: any bytes may be in a path, and none may cost the record.
void check_any_source(std::string_view text) {
  SealRecord record;
  record.source = text;
  record.pinned = true;
  const std::string json = to_json(record);
  require(json.size() <= kMaxSealRecordBytes);
  require(parse_seal_record(json, "record").pinned);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  check_any_source(text);
  try {
    const SealRecord record = parse_seal_record(text, "record");
    if (record.by.size() > kMaxSealTextBytes || record.source.size() > kMaxSealTextBytes) return 0;
    const SealRecord again = parse_seal_record(to_json(record), "record");
    require(again.by == record.by && again.source == record.source && again.pinned == record.pinned);
    require(again.sealed_unix_secs == record.sealed_unix_secs);
    require(again.pages == record.pages && again.logical_bytes == record.logical_bytes);
  } catch (const Error& error) {
    require(error.code() == Errc::malformed);
  }
  return 0;
}
