#include "cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "pfcache/error.hpp"
#include "pfcache/json_writer.hpp"
#include "pfcache/version.hpp"

namespace pfcache::cli {
namespace {

constexpr const char* kDescription =
    "pfcache keeps KV-cache snapshots of inference engines: verified, deduplicated, compressed.";

constexpr const char* kFooter = R"(SNAPSHOT is 64 hex digits, sha256: and them, a unique prefix of 8 or more digits,
a name, or the name of an engine file's record.

The store is the one of --store, else of $PFCACHE_STORE, else of the configuration
(see pfcache config), else /var/lib/pfcache for root and $XDG_DATA_HOME/pfcache or
~/.local/share/pfcache for everybody else.

Results go to standard output, talk to standard error. With --json a command
prints one JSON object, an error as {"error":{"message":...,"code":...}}.

Exit status: 0 done, 1 failed, 2 wrong usage, 3 done in part, 10 no such store,
snapshot or file, 11 busy, 13 damage found, 128 + N ended by signal N.

Example:
  pfcache capture session.bin --name chat && pfcache restore chat again.bin)";

std::vector<Command> all_commands() {
  return {init_command(),   capture_command(), restore_command(), list_command(),   show_command(),
          diff_command(),   name_command(),    unname_command(),  pin_command(),    unpin_command(),
          remove_command(), fetch_command(),   verify_command(),  gc_command(),     repack_command(),
          stats_command(),  top_command(),     config_command(),  doctor_command(), complete_command()};
}

std::vector<CommandGroup> all_groups() { return {prompt_group(), warm_group()}; }

[[noreturn]] void refuse(const std::string& why) { throw Error(Errc::invalid_argument, why); }

/// The same options on the program and on each command: CLI11's own way of passing options on to the parent would
/// take a snapshot that is called like a command for that command.
ArgumentTable declare_globals(CLI::App& app, GlobalOptions& global) {
  app.set_help_flag("-h,--help", "print this help")->group("Global options");
  app.set_version_flag("--version", std::string(version()), "print the version")->group("Global options");
  ArgumentTable table(app);
  table.repeatable_option("--store", "DIR", "the store to work on", [&global](std::string_view text) {
    if (text.empty()) refuse("--store: expected a directory, found an empty text");
    global.store = std::string(text);
  });
  table.flag("--json", global.json, "print one JSON object instead of text");
  table.flag("--quiet", global.quiet, "no talk but errors and warnings");
  for (const char* name : {"--store", "--json", "--quiet"}) app.get_option(name)->group("Global options");
  return table;
}

struct DeclaredCommand {
  CLI::App* app;
  ArgumentTable table;
  ArgumentTable globals;
  Run run;
};

DeclaredCommand declare(CLI::App& parent, const Command& command, GlobalOptions& global) {
  CLI::App* app = parent.add_subcommand(command.name, command.summary);
  app->group(command.is_hidden ? "" : "Commands");
  app->footer(
      fmt::format("{}{}Example:\n  {}", command.details, command.details.empty() ? "" : "\n\n", command.example));
  ArgumentTable table(*app);
  Run run = command.declare(table);
  return {app, std::move(table), declare_globals(*app, global), std::move(run)};
}

/// Declares the group and its commands, and gives the options that may stand between the two words.
ArgumentTable declare(CLI::App& root, const CommandGroup& group, GlobalOptions& global,
                      std::vector<DeclaredCommand>& commands) {
  CLI::App* app = root.add_subcommand(group.name, group.summary);
  app->group("Commands");
  app->require_subcommand(0, 1);
  app->footer(fmt::format("Example:\n  {}", group.commands.front().example));
  for (const Command& command : group.commands) commands.push_back(declare(*app, command, global));
  return declare_globals(*app, global);
}

/// What CLI11 would misread is refused before it sees it.
void refuse_misread(std::span<const std::string> args) {
  std::size_t size_bytes = 0;
  for (const std::string& arg : args) size_bytes += arg.size();
  if (size_bytes > kMaxCommandLineBytes) refuse("the command line is too long");
  for (const std::string& arg : args) {
    if (arg == "--") return;
    if (arg.starts_with("--") && arg.find('=') == arg.size() - 1) refuse(arg + ": expected a value after the '='");
  }
}

/// CLI11 takes `[a,b]` for a list where any number of texts may stand. No snapshot is spelt so.
void refuse_lists(std::span<const std::string> args) {
  for (const std::string& arg : args) {
    if (arg.size() >= 2 && arg.front() == '[' && arg.back() == ']') refuse("'" + arg + "' does not name a snapshot");
  }
}

std::string version_text(bool json) {
  if (!json) return fmt::format("pfcache {}\n", version());
  return JsonWriter().begin_object().field("version", version()).end_object().take() + "\n";
}

/// The command that was recognised, or the group or program that it should be one of.
const CLI::App& deepest(const CLI::App& app) {
  const auto chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest(*chosen.front());
}

/// `warm save `, with the blank, and nothing for the program.
std::string words_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? "" : words_of(*app.get_parent()) + app.get_name() + " ";
}

/// Where to read on: the help of what was recognised.
std::string hint(const CLI::App& root) { return fmt::format("see 'pfcache {}--help'", words_of(deepest(root))); }

std::string explain(const CLI::App& root, const CLI::ParseError& error) {
  const auto extras = root.remaining(true);
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr && !extras.empty()) {
    const CLI::App& at = deepest(root);
    const bool is_command = !at.get_subcommands({}).empty() && !extras.front().starts_with('-');
    if (!is_command) return fmt::format("not expected: '{}'; {}", extras.front(), hint(root));
    return fmt::format("there is no command '{}{}'; {}", words_of(at), extras.front(), hint(root));
  }
  return fmt::format("{}; {}", error.what(), hint(root));
}

void use_our_words(CLI::App& root) {
  auto formatter = std::make_shared<CLI::Formatter>();
  formatter->label("Positionals", "Arguments");
  formatter->label("SUBCOMMAND", "COMMAND");
  formatter->label("OPTIONS", "OPTION...");
  formatter->column_width(28);
  root.formatter(formatter);
}

/// Fills what `root` and its commands declared. False when help or version was asked for instead: then `text` is it.
bool parse(CLI::App& root, std::span<const std::string> args, std::string& text) {
  std::vector<std::string> reversed(args.rbegin(), args.rend());  // as CLI11 wants them
  try {
    root.parse(std::move(reversed));
    return true;
  } catch (const CLI::CallForHelp&) {
    text = root.help();
  } catch (const CLI::CallForVersion&) {
    text = version_text(asks_for_json(args));
  } catch (const CLI::ParseError& error) {
    refuse(explain(root, error));
  }
  return false;
}

/// All commands as CLI11 has them. REQUIRES: `global` outlives it.
struct Program {
  explicit Program(GlobalOptions& global) : root(kDescription, "pfcache"), globals(prepare(root, global)) {
    for (const Command& command : all_commands()) commands.push_back(declare(root, command, global));
    for (const CommandGroup& group : all_groups()) group_globals.push_back(declare(root, group, global, commands));
  }

  static ArgumentTable prepare(CLI::App& root, GlobalOptions& global) {
    use_our_words(root);
    root.require_subcommand(0, 1);
    root.footer(kFooter);
    return declare_globals(root, global);
  }

  CLI::App root;
  ArgumentTable globals;
  std::vector<DeclaredCommand> commands;
  std::vector<ArgumentTable> group_globals;
};

CommandShape shape_of(const CLI::App& app) {
  CommandShape shape{app.get_name(), app.get_description(), {}, {}, false, {}};
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_positional()) {
      shape.arguments.push_back(option->get_name(true));
      shape.takes_any_number = option->get_expected_max() > 1;
    }
    for (const std::string& name : option->get_lnames()) {
      shape.options.push_back({"--" + name, option->get_option_text(), option->get_description()});
    }
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) shape.commands.push_back(shape_of(*command));
  }
  return shape;
}

}  // namespace

CLI::Option* ArgumentTable::add(const std::string& name, const std::string& help, TakeText take) {
  // The raw texts are fetched by take_all(): CLI11's conversions have meanings of their own for `{}` and the like.
  CLI::Option* option = app_->add_option(
      name, [](const CLI::results_t&) { return true; }, help);
  takers_.emplace_back(option, std::move(take));
  return option;
}

void ArgumentTable::positional(const std::string& name, const std::string& help, TakeText take) {
  add(name, help, std::move(take))->required()->option_text(" ");
}

void ArgumentTable::optional_positional(const std::string& name, const std::string& help, TakeText take) {
  add(name, help, std::move(take))->option_text(" ");
}

void ArgumentTable::positionals(const std::string& name, const std::string& help, TakeText take) {
  takes_any_number_ = true;
  add(name, help, std::move(take))->expected(1, -1)->allow_extra_args()->option_text(" ");
}

void ArgumentTable::option(const std::string& flag, const std::string& value, const std::string& help, TakeText take) {
  add(flag, help, std::move(take))->option_text(value);
}

void ArgumentTable::repeatable_option(const std::string& flag, const std::string& value, const std::string& help,
                                      TakeText take) {
  add(flag, help, std::move(take))->option_text(value)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void ArgumentTable::flag(const std::string& flag, bool& into, const std::string& help) {
  app_->add_flag(flag, into, help)->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
}

void ArgumentTable::take_all() const {
  for (const auto& [option, take] : takers_) {
    for (const std::string& text : option->reduced_results()) take(text);
  }
}

CommandShape command_tree() {
  GlobalOptions global;
  return shape_of(Program(global).root);
}

CommandLine parse_command_line(std::span<const std::string> args) {
  refuse_misread(args);
  CommandLine line;
  Program program(line.global);
  const auto& commands = program.commands;

  if (!parse(program.root, args, line.text)) return line;
  program.globals.take_all();
  for (const ArgumentTable& between : program.group_globals) between.take_all();
  const auto chosen = std::find_if(commands.begin(), commands.end(), [](const auto& it) { return it.app->parsed(); });
  if (chosen == commands.end()) refuse("expected a command; " + hint(program.root));
  if (chosen->table.takes_any_number()) refuse_lists(args);
  chosen->globals.take_all();
  chosen->table.take_all();
  line.run = chosen->run;
  return line;
}

bool asks_for_json(std::span<const std::string> args) noexcept {
  const auto end = std::find(args.begin(), args.end(), "--");
  return std::find(args.begin(), end, "--json") != end;
}

}  // namespace pfcache::cli
