#include <algorithm>

#include "cli/prompt_store.hpp"
#include "cli/text.hpp"

namespace pfcache::cli {
namespace {

void print_text(const PromptListing& listing, const Session& session) {
  std::vector<std::vector<std::string>> rows;
  for (const PromptInfo& info : listing.entries) {
    rows.push_back({info.name.key.hex(), std::to_string(info.header.token_count), std::to_string(info.header.hit_count),
                    std::string(name_of(info.header.reason)), human_bytes(info.header.payload_bytes),
                    utc_time(static_cast<std::int64_t>(info.header.last_used_unix_secs))});
  }
  session.out() << table({"KEY", ">TOKENS", ">HITS", "REASON", ">PAYLOAD", "LAST USED"}, rows);
}

void print_record(const PromptListing& listing, const Session& session) {
  JsonWriter json;
  json.begin_object().key("prompts").begin_array();
  for (const PromptInfo& info : listing.entries) {
    add_prompt(json.begin_object(), info);
    json.end_object();
  }
  json.end_array().key("unreadable").begin_array();
  for (const std::string& why : listing.unreadable) json.value(as_utf8(why));
  std::uint64_t charged = 0;
  for (const PromptInfo& info : listing.entries) charged += info.charged_bytes();
  session.print(json.end_array().field("charged_bytes", charged).end_object());
}

int run_list(const Session& session) {
  Store store = session.open_store();
  const auto cache = find_prompt_cache(store, session);
  PromptListing listing = cache ? cache->list() : PromptListing{};
  std::ranges::stable_sort(listing.entries, std::ranges::greater{},
                           [](const PromptInfo& info) { return info.header.last_used_unix_secs; });
  for (const std::string& why : listing.unreadable) session.warn(why);
  if (session.json()) {
    print_record(listing, session);
  } else {
    print_text(listing, session);
  }
  return listing.unreadable.empty() ? kDone : kPart;
}

}  // namespace

Command prompt_list_command() {
  return {"list", "List the stored prompts, last used first",
          "Exit status 3 when a file has a prompt's name and can't be read.", "pfcache prompt list",
          [](ArgumentTable&) { return [](const Session& session) { return run_list(session); }; }};
}

}  // namespace pfcache::cli
