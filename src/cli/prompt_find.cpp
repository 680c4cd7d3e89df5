#include "cli/prompt_store.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

int run_find(const PromptFilter& filter, const Session& session) {
  Store store = session.open_store();
  const auto input = session.read_input(kMaxPromptTextBytes);
  const std::string_view prompt(reinterpret_cast<const char*>(input.data()), input.size());
  const auto cache = find_prompt_cache(store, session);
  const auto found = cache ? cache->find_longest(prompt, filter) : std::nullopt;
  if (!found) throw Error(Errc::not_found, "no stored prompt is a prefix of this one");
  if (session.json()) {
    JsonWriter json;
    add_prompt(json.begin_object(), *found);
    session.print(json.end_object());
  } else {
    session.out() << found->name.key.hex() << '\n';
    session.note(human_bytes(found->header.text_bytes) + " of " + human_bytes(prompt.size()) + " are stored, " +
                 counted(found->header.token_count, "token"));
  }
  return kDone;
}

}  // namespace

Command prompt_find_command() {
  return {"find", "Print the key of the longest stored prefix of a prompt",
          "The prompt is read from standard input. Exit status 10 when there is none.",
          "pfcache prompt find < prompt.txt", [](ArgumentTable& table) {
            auto filter = std::make_shared<PromptFilter>();
            table.option("--quant", "BITS", "only of this quantisation", [filter](std::string_view text) {
              filter->quant_bits = static_cast<std::uint8_t>(parse_number("--quant", text, 255));
            });
            table.option("--model-id", "N", "only of this model", [filter](std::string_view text) {
              filter->model_id = static_cast<std::uint8_t>(parse_number("--model-id", text, 255));
            });
            table.option("--max-tokens", "N", "only of at most this many tokens",
                         [filter](std::string_view text) { filter->max_tokens = parse_u32("--max-tokens", text); });
            return [filter](const Session& session) { return run_find(*filter, session); };
          }};
}

}  // namespace pfcache::cli
