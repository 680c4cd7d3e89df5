#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "cli/prompt_store.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

struct PutArguments {
  PromptCacheArguments cache;
  std::string text_file;
  std::vector<std::string> files;
  PromptHeader header;
};

std::uint8_t parse_u8(std::string_view argument, std::string_view text) {
  return static_cast<std::uint8_t>(parse_number(argument, text, 255));
}

SaveReason parse_reason(std::string_view text) {
  if (const auto reason = save_reason_named(text)) return *reason;
  throw Error(
      Errc::invalid_argument,
      fmt::format("--reason: expected unknown, cold, continued, evict, shutdown, agent-system or agent-session, "
                  "found '{}'",
                  text));
}

bool parse_switch(std::string_view argument, std::string_view text) {
  if (text == "on") return true;
  if (text == "off") return false;
  throw Error(Errc::invalid_argument, fmt::format("{}: expected on or off, found '{}'", argument, text));
}

UniqueFd open_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (fd) return fd;
  const int error = errno;
  if (error == ENOENT) throw Error(Errc::not_found, fmt::format("file '{}'", path));
  throw Error::from_errno(error, fmt::format("cannot open '{}'", path));
}

std::string read_text_file(const std::string& path) {
  const UniqueFd fd = open_file(path);
  std::string text;
  while (true) {
    const std::size_t size = text.size();
    text.resize(size + (std::size_t{64} << 10));
    const ssize_t count = ::read(fd.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno != EINTR) throw Error::from_last_errno(fmt::format("cannot read '{}'", path));
    text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count == 0) return text;
    if (text.size() > kMaxPromptTextBytes) {
      throw Error(Errc::too_large, fmt::format("'{}' has more than {} bytes", path, kMaxPromptTextBytes));
    }
  }
}

int run_put(const PutArguments& arguments, const Session& session) {
  if (arguments.text_file.empty()) throw Error(Errc::invalid_argument, "--text FILE is required");
  if (arguments.files.size() > 1) throw Error(Errc::invalid_argument, "expected at most one FILE");
  Store store = session.open_store();
  const WriterLease lease = store.lease();
  const std::string text = read_text_file(arguments.text_file);
  const bool from_file = !arguments.files.empty() && arguments.files[0] != "-";
  const UniqueFd file = from_file ? open_file(arguments.files[0]) : UniqueFd();
  const auto cache = make_prompt_cache(store, session, arguments.cache);
  const PromptSaveResult result =
      cache->save({.text = text, .header = arguments.header}, from_file ? file.get() : session.in_fd(), session.stop());
  session.note(fmt::format(
      "{} of payload, {} in the file{}", human_bytes(result.info.header.payload_bytes),
      human_bytes(result.info.file_bytes),
      result.evicted_entries == 0 ? "" : fmt::format("; {} evicted", counted(result.evicted_entries, "prompt"))));
  if (!result.has_checksum) {
    session.warn("this filesystem keeps no extended attributes: the payload is saved without a checksum");
  }
  if (session.json()) {
    JsonWriter json;
    add_prompt(json.begin_object(), result.info);
    json.field("checksum", result.has_checksum).field("evicted_entries", result.evicted_entries);
    session.print(json.field("evicted_bytes", result.evicted_bytes).end_object());
  } else {
    session.out() << result.info.name.key.hex() << '\n';
  }
  return kDone;
}

Run declare_put(ArgumentTable& table) {
  auto arguments = std::make_shared<PutArguments>();
  PromptHeader& header = arguments->header;
  table.positionals("FILE", "the payload; standard input without it",
                    [arguments](std::string_view text) { arguments->files.emplace_back(text); });
  table.option("--text", "FILE", "the rendered text of the prompt", keep(arguments->text_file));
  table.option("--tokens", "N", "tokens of the text",
               [&header](std::string_view text) { header.token_count = parse_u32("--tokens", text); });
  table.option("--ctx", "N", "the engine's context size",
               [&header](std::string_view text) { header.ctx_size = parse_u32("--ctx", text); });
  table.option("--quant", "BITS", "of the engine's weights",
               [&header](std::string_view text) { header.quant_bits = parse_u8("--quant", text); });
  table.option("--reason", "REASON", "why it is saved (unknown)",
               [&header](std::string_view text) { header.reason = parse_reason(text); });
  table.option("--model-id", "N", "the engine's number for its model",
               [&header](std::string_view text) { header.model_id = parse_u8("--model-id", text); });
  table.option("--ext", "FLAGS", "extension flags",
               [&header](std::string_view text) { header.ext_flags = parse_u8("--ext", text); });
  table.option("--dedup", "on|off", "keep the payload as shared chunks (prompt.dedup)",
               [arguments](std::string_view text) { arguments->cache.dedup = parse_switch("--dedup", text); });
  declare_budget(table, arguments->cache);
  return [arguments](const Session& session) { return run_put(*arguments, session); };
}

}  // namespace

Command prompt_put_command() {
  return {"put", "Save the state after a prompt, and print its key",
          "Evicts others as the budget asks. With --dedup on the payload becomes chunks in\n"
          "the store that nested sessions share; ds4 does not read those.",
          "pfcache prompt put state.bin --text prompt.txt --tokens 512", declare_put};
}

}  // namespace pfcache::cli
