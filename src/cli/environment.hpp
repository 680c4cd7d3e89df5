// The outside world of one run of pfcache, passed in, so that whole command lines run inside tests.
#pragma once

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <iosfwd>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "cli/program.hpp"
#include "cli/terminal.hpp"

namespace pfcache::cli {

struct Environment {
  std::ostream& out;  ///< results
  std::ostream& err;  ///< talk
  std::function<std::optional<std::string>(const std::string&)> variable;
  std::function<std::vector<std::string>()> variable_names = [] { return std::vector<std::string>{}; };  ///< of all
  bool is_root = false;
  std::filesystem::path root = "/";  ///< below which the files of the machine are: /etc, /proc, /dev
  bool out_is_terminal = false;
  std::function<TerminalSize()> out_size = [] { return TerminalSize{}; };  ///< how large it is now, as a terminal
  bool err_is_terminal = false;
  /// How wide that terminal is now, 0 when it doesn't say; nothing while it is another job's.
  std::function<std::optional<std::size_t>()> err_columns = [] { return std::size_t{0}; };
  std::stop_token stop = {};                                 ///< requested by the first signal that asks for an end
  std::function<int()> stop_signal = [] { return SIGINT; };  ///< which signal that was
  std::function<std::optional<std::string>(const std::vector<std::string>&)> program_output = output_of;
  int in_fd = 0;  ///< standard input, read to its end by who takes a payload
};

/// Exit statuses that are not made from an error's code by exit_status_of().
inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;
inline constexpr int kUsage = 2;
inline constexpr int kPart = 3;
inline constexpr int kDamage = 13;

/// Runs one command line, `args` without the program's name, and returns its exit status. Throws nothing but what the
/// streams throw; whether all output could be written is for the caller to check.
int run_pfcache(std::span<const std::string> args, Environment& environment);

}  // namespace pfcache::cli
