// pfcache: the real outside world around run_pfcache().
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/environment.hpp"
#include "cli/fd_stream.hpp"
#include "cli/signal_watch.hpp"
#include "cli/terminal.hpp"
#include "pfcache/unique_fd.hpp"

namespace {

using namespace pfcache::cli;  // NOLINT(google-build-using-namespace): this file is that room's front door

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): nobody sets variables
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

std::vector<std::string> variable_names() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

int run(int argc, char** argv) {
  SignalWatch signals;
  // A reader that went away is then an error of write(), which is told apart from a full disk.
  std::signal(SIGPIPE, SIG_IGN);
  FdStreambuf buffer(STDOUT_FILENO);
  std::ostream out(&buffer);
  Environment environment{.out = out,
                          .err = std::cerr,
                          .variable = variable,
                          .variable_names = variable_names,
                          .is_root = ::geteuid() == 0,
                          .out_is_terminal = ::isatty(STDOUT_FILENO) != 0,
                          .out_size = [] { return terminal_size(STDOUT_FILENO); },
                          .err_is_terminal = ::isatty(STDERR_FILENO) != 0,
                          .err_columns = [] { return terminal_columns(STDERR_FILENO); },
                          .stop = signals.token(),
                          .stop_signal = [&signals] { return signals.signal(); }};
  const std::vector<std::string> args(argv + std::min(argc, 1), argv + argc);
  const int status = run_pfcache(args, environment);
  out.flush();
  if (buffer.error() == 0) return status;
  if (buffer.error() != EPIPE) {
    std::cerr << "pfcache: cannot write to standard output: " << std::strerror(buffer.error()) << '\n';
  }
  return status == kDone ? kFailed : status;
}

}  // namespace

int main(int argc, char** argv) {
  pfcache::take_standard_descriptors();
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "pfcache: " << error.what() << '\n';
    return kFailed;
  }
}
