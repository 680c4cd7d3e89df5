// A mount's stats.json from anywhere: refused as malformed, or read, written, and read back the same.
#include "pfcache/mount_metrics.hpp"

#include <cstdlib>
#include <span>

#include "base/bytes.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace pfcache;
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  try {
    const MountMetrics metrics = parse_mount_metrics(text, "stats.json");
    const std::string json = to_json(metrics);
    if (json.size() <= kMaxMountStatsBytes && to_json(parse_mount_metrics(json, "stats.json")) != json) std::abort();
  } catch (const Error& error) {
    if (error.code() != Errc::malformed && error.code() != Errc::too_large) std::abort();
  }
  return 0;
}
