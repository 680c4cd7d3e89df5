#include "cli/runner.hpp"

#include <doctest/doctest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include "cli/environment.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::test {
namespace fs = std::filesystem;

namespace {

/// A file in memory, open at its start.
UniqueFd file_with(const std::string& bytes) {
  UniqueFd file(::memfd_create("input", MFD_CLOEXEC));
  REQUIRE(file);
  REQUIRE(::pwrite(file.get(), bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return file;
}

}  // namespace

Result run_in(const World& world, const std::vector<std::string>& args) {
  std::ostringstream out;
  std::ostringstream err;
  const UniqueFd in = file_with(world.input);
  cli::Environment environment{.out = out,
                               .err = err,
                               .variable = [&world](const std::string& name) -> std::optional<std::string> {
                                 const auto found = world.variables.find(name);
                                 if (found == world.variables.end()) return std::nullopt;
                                 return found->second;
                               },
                               .variable_names =
                                   [&world] {
                                     std::vector<std::string> names;
                                     for (const auto& [name, value] : world.variables) names.push_back(name);
                                     return names;
                                   },
                               .is_root = world.is_root,
                               .root = world.root,
                               .out_is_terminal = world.out_is_terminal,
                               .out_size =
                                   [&world] {
                                     return cli::TerminalSize{world.out_columns, 24};
                                   },
                               .err_is_terminal = world.err_is_terminal,
                               .stop = world.stop,
                               .program_output = [&world](const auto& command) -> std::optional<std::string> {
                                 const auto found = world.programs.find(command.front());
                                 if (found == world.programs.end()) return std::nullopt;
                                 return found->second;
                               },
                               .in_fd = in.get()};
  const int status = cli::run_pfcache(args, environment);
  return {status, out.str(), err.str()};
}

void check_wrong_usage(const World& world, const WrongUsage& wrong) {
  for (const auto& [args, expected] : wrong) {
    const Result result = run_in(world, args);
    INFO(result.err);
    CHECK(result.status == 2);
    CHECK(result.out.empty());
    CHECK(result.err.starts_with("pfcache: "));
    CHECK(result.err.find('\n') == result.err.size() - 1);
    CHECK(result.err.find(expected) != std::string::npos);
  }
}

Runner::Runner(const std::string& profile) { must({"init", "--profile", profile}); }

World Runner::with_store(World world) const {
  world.variables.try_emplace("PFCACHE_STORE", store().native());
  return world;
}

Result Runner::run(const std::vector<std::string>& args, World world) const {
  return run_in(with_store(std::move(world)), args);
}

void Runner::check_wrong_usage(const WrongUsage& wrong) const { test::check_wrong_usage(with_store({}), wrong); }

std::string Runner::must(const std::vector<std::string>& args) const {
  const Result result = run(args);
  INFO(result.err);
  REQUIRE(result.status == 0);
  return result.line();
}

std::vector<fs::path> Runner::temp_files() const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(dir_.path())) {
    if (entry.path().filename().native().starts_with(".tmp-")) found.push_back(entry.path());
  }
  return found;
}

std::vector<fs::path> Runner::blobs() const {
  std::vector<fs::path> found;
  for (const auto& entry : fs::recursive_directory_iterator(store() / "blobs")) {
    if (entry.is_regular_file()) found.push_back(entry.path());
  }
  return found;
}

fs::path Runner::blob(const std::string& hex) const {
  const auto all = blobs();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& it) { return it.stem() == hex; });
  REQUIRE(found != all.end());
  return *found;
}

std::string read_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const fs::path& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  REQUIRE(file.flush());
}

void damage(const fs::path& path) {
  std::string bytes = read_file(path);
  REQUIRE_FALSE(bytes.empty());
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
  write_file(path, bytes);
}

bool same_trees(const fs::path& a, const fs::path& b) {
  const auto files = [](const fs::path& root) {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      found[fs::relative(entry.path(), root).native()] = entry.is_regular_file() ? read_file(entry.path()) : "/";
    }
    return found;
  };
  return files(a) == files(b);
}

std::string session(int tokens) {
  return std::string(TEST_DATA_DIR) + "/llama-session-" + std::to_string(tokens) + ".bin";
}

}  // namespace pfcache::test
