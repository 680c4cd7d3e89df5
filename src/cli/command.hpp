// A command of pfcache: what it is called, what it takes, what it does.
//
// Declaring and parsing never touch the disk; only the function that parsing gives back does. Each file of this room
// that is named by a command defines it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The library that parses; known to command_line.cpp alone.
namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace pfcache::cli {

class Session;

/// Does the command and returns the exit status.
using Run = std::function<int(Session&)>;

/// Takes an argument's text. Throws: Errc::invalid_argument for a text that has no meaning.
using TakeText = std::function<void(std::string_view)>;

/// Where a command declares its arguments, in the order of its help.
class ArgumentTable {
 public:
  explicit ArgumentTable(CLI::App& app) : app_(&app) {}

  void positional(const std::string& name, const std::string& help, TakeText take);
  void optional_positional(const std::string& name, const std::string& help, TakeText take);
  /// Any number of them, none included.
  void positionals(const std::string& name, const std::string& help, TakeText take);
  /// `--flag VALUE`
  void option(const std::string& flag, const std::string& value, const std::string& help, TakeText take);
  /// `--flag VALUE`, of which the last counts when it is repeated.
  void repeatable_option(const std::string& flag, const std::string& value, const std::string& help, TakeText take);
  /// `--flag`. REQUIRES: `into` lives until the line is parsed.
  void flag(const std::string& flag, bool& into, const std::string& help);

  /// Gives the texts that were found to those who take them. Throws: what they throw.
  void take_all() const;

  [[nodiscard]] bool takes_any_number() const noexcept { return takes_any_number_; }

 private:
  CLI::Option* add(const std::string& name, const std::string& help, TakeText take);

  CLI::App* app_;
  std::vector<std::pair<CLI::Option*, TakeText>> takers_;
  bool takes_any_number_ = false;
};

struct Command {
  std::string name;
  std::string summary;  ///< one line
  std::string details;  ///< the rest of the help, before the example
  std::string example;
  std::function<Run(ArgumentTable&)> declare;
  bool is_hidden = false;  ///< from the help: it is for programs
};

/// Commands of two words, `pfcache NAME COMMAND`.
struct CommandGroup {
  std::string name;
  std::string summary;  ///< one line
  std::vector<Command> commands;
};

/// A `take` that keeps the text. REQUIRES: `into` lives as long as the result.
template <typename Text>
[[nodiscard]] TakeText keep(Text& into) {
  return [&into](std::string_view text) { into = std::string(text); };
}

Command init_command();
Command capture_command();
Command restore_command();
Command list_command();
Command show_command();
Command diff_command();
Command name_command();
Command unname_command();
Command pin_command();
Command unpin_command();
Command remove_command();
Command fetch_command();
Command verify_command();
Command stats_command();
Command top_command();
Command repack_command();
Command gc_command();
Command config_command();
Command doctor_command();
Command complete_command();
CommandGroup prompt_group();
Command prompt_put_command();
Command prompt_get_command();
Command prompt_find_command();
Command prompt_list_command();
Command prompt_evict_command();
CommandGroup warm_group();
Command warm_list_command();

}  // namespace pfcache::cli
