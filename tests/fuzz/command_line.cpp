// An argv, its texts separated by new lines or NULs. Only parsing runs: nothing on the disk is touched.
#include "cli/command_line.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

std::vector<std::string> split(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> args;
  std::string arg;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] == '\n' || data[i] == 0) {
      args.push_back(std::move(arg));
      arg.clear();
    } else {
      arg += static_cast<char>(data[i]);
    }
  }
  if (!arg.empty()) args.push_back(std::move(arg));
  return args;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const pfcache::cli::CommandLine line = pfcache::cli::parse_command_line(split(data, size));
    // Something to run or something to print, never both.
    if (static_cast<bool>(line.run) == !line.text.empty()) std::abort();
  } catch (const pfcache::Error& error) {
    if (error.code() != pfcache::Errc::invalid_argument) std::abort();
  }
  return 0;
}
