// From a command line to what it asks for, without doing any of it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "cli/command.hpp"

namespace pfcache::cli {

/// Arguments of more bytes than this, all together, are refused: far above what a kernel passes on.
inline constexpr std::size_t kMaxCommandLineBytes = std::size_t{16} << 20;

/// What may stand before and after every command.
struct GlobalOptions {
  std::optional<std::string> store;
  bool json = false;
  bool quiet = false;
};

struct CommandLine {
  GlobalOptions global;
  std::string text;  ///< help or version, to be printed when there is nothing to run
  Run run;           ///< empty when `text` is all that was asked for
};

/// The arguments of a command as shells want to know them.
struct OptionShape {
  std::string name;   ///< `--grace`
  std::string value;  ///< as the help has it: `TIME`, `auto|pf-core`; empty for a flag
  std::string help;
};
struct CommandShape {
  std::string name;
  std::string summary;
  std::vector<OptionShape> options;
  std::vector<std::string> arguments;  ///< as the help has them: `SNAPSHOT`
  bool takes_any_number = false;       ///< of the last one
  std::vector<CommandShape> commands;
};

/// The program with all commands of its help.
[[nodiscard]] CommandShape command_tree();

/// `args` are without the program's name. Throws: Errc::invalid_argument, saying which argument is wrong.
[[nodiscard]] CommandLine parse_command_line(std::span<const std::string> args);

/// True when `--json` is among the options, in a line that may be wrong otherwise.
[[nodiscard]] bool asks_for_json(std::span<const std::string> args) noexcept;

}  // namespace pfcache::cli
