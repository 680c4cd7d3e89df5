// The JSON of a warm start from anywhere: refused as malformed or of another schema, or read, written, and read back
// the same.
#include "warm/run_record.hpp"

#include <cmath>
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

void require_same(const WarmRun& a, const WarmRun& b) {
  require(a.objective == b.objective && a.iteration == b.iteration && a.kind == b.kind);
  if (a.objective) require(std::isfinite(*a.objective) && std::signbit(*a.objective) == std::signbit(*b.objective));
  require(a.written_unix_secs == b.written_unix_secs && a.written_nanos == b.written_nanos);
  require(a.checksum == b.checksum && a.payload_bytes == b.payload_bytes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  try {
    const WarmRun about = parse_run_record(text, "record");
    const std::string json = to_json(about);
    require(json.size() <= kMaxWarmJsonBytes);
    require_same(parse_run_record(json, "record"), about);
  } catch (const Error& error) {
    require(error.code() == Errc::malformed || error.code() == Errc::unsupported);
  }
  return 0;
}
