#include <algorithm>

#include "cli/completion.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/engine_file.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

/// Names of the store that the line or else the configuration names, and digests where they may stand.
void add_names(Completion& completion, const Session& session) {
  const Store store = Store::open(completion.store ? *completion.store : session.any_config().store_path());
  std::vector<Candidate>& candidates = completion.candidates;
  for (const Ref& ref : store.catalog().refs())
    candidates.push_back({ref.name, "snapshot " + ref.digest.hex().substr(0, 12)});
  if (completion.expected == Expected::names) return;
  for (const Digest& digest : store.catalog().snapshots()) candidates.push_back({digest.hex(), "snapshot"});
}

void add_settings(std::vector<Candidate>& candidates) {
  for (std::size_t i = 0; i < kSettingCount; ++i) {
    candidates.push_back({std::string(name_of(static_cast<Setting>(i))), "setting"});
  }
}

/// The first line says what else the shell may offer, each other line is a word, a tab and what it is.
void print(const Completion& completion, const Session& session) {
  const bool is_file = completion.expected == Expected::files;
  const bool is_directory = completion.expected == Expected::directories;
  session.out() << (is_file ? "files" : is_directory ? "directories" : "words") << '\n';
  for (const Candidate& candidate : completion.candidates) {
    session.out() << printable(candidate.text) << '\t' << printable(candidate.about) << '\n';
  }
}

int run_complete(const std::vector<std::string>& words, const Session& session) {
  Completion completion = complete(command_tree(), words);
  const std::size_t known = completion.candidates.size();
  try {
    const bool wants_names = completion.expected == Expected::snapshots || completion.expected == Expected::names;
    if (wants_names) add_names(completion, session);
    if (completion.expected == Expected::settings) add_settings(completion.candidates);
  } catch (const Error&) {
    // Who types a line has no use for an error: there is nothing to offer.
    completion.candidates.resize(known);
  }
  const std::string typed = words.empty() ? "" : words.back();
  std::erase_if(completion.candidates,
                [&](const Candidate& it) { return typed != "=" && !it.text.starts_with(typed); });
  print(completion, session);
  return kDone;
}

}  // namespace

Command complete_command() {
  Command command{"complete", "Say what may stand at the end of a command line",
                  "For the completions of shells: the words behind the program's name, up to the one\n"
                  "that is being typed.",
                  "pfcache complete -- restore ch", [](ArgumentTable& table) {
                    auto words = std::make_shared<std::vector<std::string>>();
                    table.positionals("WORD", "of the line",
                                      [words](std::string_view text) { words->emplace_back(text); });
                    return [words](const Session& session) { return run_complete(*words, session); };
                  }};
  command.is_hidden = true;
  return command;
}

}  // namespace pfcache::cli
