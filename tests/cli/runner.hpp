// Whole command lines of pfcache, run inside the test, on a store of their own.
#pragma once

#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "support/temp_dir.hpp"

namespace pfcache::test {

struct Result {
  int status = 0;
  std::string out;
  std::string err;

  /// `out` without the new line that ends it.
  [[nodiscard]] std::string line() const { return out.empty() ? out : out.substr(0, out.size() - 1); }
};

/// The outside world that a Runner gives: a user without a home, unless told otherwise.
struct World {
  std::map<std::string, std::string> variables = {};
  bool is_root = false;
  std::filesystem::path root = "/nonexistent";  ///< where /etc, /proc and /dev are
  bool out_is_terminal = false;
  std::size_t out_columns = 0;
  bool err_is_terminal = false;
  std::stop_token stop = {};
  std::string input = {};                            ///< what comes from standard input
  std::map<std::string, std::string> programs = {};  ///< what other programs print, by their first word
};

/// Runs `pfcache ARGS` in `world`.
Result run_in(const World& world, const std::vector<std::string>& args);

/// Arguments that are wrong, and what the message says of them.
using WrongUsage = std::vector<std::pair<std::vector<std::string>, std::string>>;

/// Checks that each ends with exit status 2, one line that says so, and no output.
void check_wrong_usage(const World& world, const WrongUsage& wrong);

/// A directory with a store in it.
class Runner {
 public:
  /// Makes the store, with `profile`.
  explicit Runner(const std::string& profile = "auto");

  /// Runs `pfcache --store STORE ARGS`.
  [[nodiscard]] Result run(const std::vector<std::string>& args, World world = {}) const;

  /// As check_wrong_usage(), on the store.
  void check_wrong_usage(const WrongUsage& wrong) const;

  /// Runs what must succeed and returns its output without the last new line.
  std::string must(const std::vector<std::string>& args) const;

  /// A path in the test's directory.
  [[nodiscard]] std::filesystem::path path(const std::string& name = "") const { return dir_.path() / name; }
  [[nodiscard]] std::filesystem::path store() const { return path("store"); }

  /// Files of the store whose name starts like a file in flight.
  [[nodiscard]] std::vector<std::filesystem::path> temp_files() const;

  /// Files that hold blobs.
  [[nodiscard]] std::vector<std::filesystem::path> blobs() const;

  /// The file that holds the blob of these 64 hex digits.
  [[nodiscard]] std::filesystem::path blob(const std::string& hex) const;

 private:
  [[nodiscard]] World with_store(World world) const;

  TempDir dir_;
};

[[nodiscard]] std::string read_file(const std::filesystem::path& path);
void write_file(const std::filesystem::path& path, const std::string& bytes);

/// Changes a byte in the middle of a file.
void damage(const std::filesystem::path& path);

/// True when two directories hold the same files with the same bytes.
[[nodiscard]] bool same_trees(const std::filesystem::path& a, const std::filesystem::path& b);

/// A llama.cpp session of tests/data, by its tokens: 399, 799 or 1199.
[[nodiscard]] std::string session(int tokens);

inline constexpr const char* kG1 = "a7e58d925525c51b33013cd01f18f139c5cbdad3e0599a97df67fc9191a8005d";
inline constexpr const char* kG2 = "530ae64d7190faf6861dff4d3fe22268b5440d9524ef82e4df7756464bb20e8b";
inline constexpr const char* kG4 = "1d480e3c39f60205bd09688c2a0a32991e5d90e27939529826f0f6c7d22a3c52";

}  // namespace pfcache::test
