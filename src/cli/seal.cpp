#include "cli/seal.hpp"

#include <fmt/format.h>

#include <chrono>

#include "cli/text.hpp"
#include "pfcache/version.hpp"

namespace pfcache::cli {

void seal_snapshot(Store& store, const CaptureResult& snapshot, const std::string& source) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  SealRecord record;
  record.sealed_unix_secs = std::chrono::duration_cast<std::chrono::seconds>(now).count();
  record.by = fmt::format("pfcache {}", version());
  record.source = as_utf8(source);
  record.pages = snapshot.pages;
  record.logical_bytes = snapshot.logical_bytes;
  store.catalog().seal(snapshot.digest, record);
}

}  // namespace pfcache::cli
