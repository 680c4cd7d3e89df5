#include "cli/list_staging.hpp"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "cli/text.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/staging_entries.hpp"

namespace pfcache::cli {
namespace {

std::int64_t age_secs(const StagingEntry& entry, std::int64_t now) {
  return std::max<std::int64_t>(0, now - entry.touched_unix_secs);
}

/// In the largest unit of which it is two or more: nobody reads the seconds of a day.
std::string rough_age(std::int64_t secs) {
  for (const std::int64_t unit : {86'400, 3600, 60}) {
    if (secs >= 2 * unit) return duration_text(std::chrono::seconds(secs - secs % unit));
  }
  return duration_text(std::chrono::seconds(secs));
}

}  // namespace

int list_staging_directories(const Store& store, const Session& session) {
  const std::int64_t now = std::time(nullptr);
  const std::vector<StagingEntry> entries = list_staging(store);
  if (session.json()) {
    JsonWriter json;
    json.begin_object().field("staging_keep_secs", std::int64_t{store.staging_keep().count()});
    json.key("staging").begin_array();
    for (const StagingEntry& entry : entries) {
      json.begin_object().field("name", as_utf8(entry.name)).field("files", entry.files).field("bytes", entry.bytes);
      json.field("touched_unix_secs", entry.touched_unix_secs).field("age_secs", age_secs(entry, now)).end_object();
    }
    session.print(json.end_array().end_object());
    return kDone;
  }
  std::vector<std::vector<std::string>> rows;
  for (const StagingEntry& entry : entries) {
    rows.push_back({printable(entry.name), std::to_string(entry.files), human_bytes(entry.bytes),
                    rough_age(age_secs(entry, now))});
  }
  session.out() << table({"STAGING", ">FILES", ">SIZE", ">UNTOUCHED"}, rows);
  return kDone;
}

}  // namespace pfcache::cli
