#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/prompt_store.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

constexpr std::size_t kPieceBytes = std::size_t{4} << 20;

struct GetArguments {
  PromptKey key;
  bool text = false;
};

void print_payload(const LoadedPrompt& loaded, const Session& session) {
  const std::uint64_t size = loaded.info().header.payload_bytes;
  std::vector<std::byte> piece(std::min<std::uint64_t>(size, kPieceBytes));
  for (std::uint64_t at = 0; at < size; at += piece.size()) {
    if (session.stop().stop_requested()) throw Error(Errc::interrupted, "the payload was not written to its end");
    const auto part = std::span(piece).first(std::min<std::uint64_t>(piece.size(), size - at));
    loaded.read_payload(at, part);
    session.out().write(reinterpret_cast<const char*>(part.data()), static_cast<std::streamsize>(part.size()));
    if (!session.out()) return;  // the caller says why
  }
}

int run_get(const GetArguments& arguments, const Session& session) {
  Store store = session.open_store();
  const auto cache = find_prompt_cache(store, session);
  const auto loaded = cache ? cache->load(arguments.key) : std::nullopt;
  if (!loaded) {
    throw Error(Errc::not_found, fmt::format("prompt {} in {}", arguments.key.hex(), store.path().native()));
  }
  if (!loaded->is_verified()) session.note("the payload has no checksum: it is given unverified");
  if (session.json()) {
    JsonWriter json;
    add_prompt(json.begin_object(), loaded->info());
    session.print(json.field("verified", loaded->is_verified()).end_object());
  } else if (arguments.text) {
    session.out() << loaded->text();
  } else {
    print_payload(*loaded, session);
  }
  return kDone;
}

}  // namespace

Command prompt_get_command() {
  return {"get", "Write a prompt's payload to standard output",
          "Checked first, where a checksum was made when it was saved. Counts a hit.\n"
          "With --json its description is printed instead.",
          "pfcache prompt get 2aae6c35c94fcfb415dbe95f408b9ce91ee846ed > state.bin", [](ArgumentTable& table) {
            auto arguments = std::make_shared<GetArguments>();
            table.positional("KEY", "40 hex digits",
                             [arguments](std::string_view text) { arguments->key = PromptKey::parse(text); });
            table.flag("--text", arguments->text, "the text instead of the payload");
            return [arguments](const Session& session) { return run_get(*arguments, session); };
          }};
}

}  // namespace pfcache::cli
