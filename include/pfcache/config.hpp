// The settings of pfcache: what each is, and who said so.
//
// A setting is looked for in layers, of which the last that has it counts: the built-in default;
// /etc/pfcache/config.toml; $XDG_CONFIG_HOME/pfcache/config.toml or ~/.config/pfcache/config.toml; config.toml of the
// store; the environment
// ($PFCACHE_PROMPT_BUDGET for prompt.budget); the command line. Every value is checked as it is read, so that what a
// Config gives is within its limits. Immutable once loaded; any thread may read it.
//
// Example:
//
//   #include <pfcache/config.hpp>
//   #include <iostream>
//
//   int main() {
//     const pfcache::Config config = pfcache::Config::load(pfcache::ConfigSources::of_process());
//     std::cout << config.text(pfcache::setting_named("gc.grace")) << '\n';  // prints 1h
//   }
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#pragma GCC visibility push(default)
namespace pfcache {

/// A file of settings with more bytes is refused.
inline constexpr std::uint64_t kMaxConfigBytes = std::uint64_t{64} << 10;

/// What can be set, in the order in which it is shown.
enum class Setting : std::uint8_t {
  store,
  encoding,
  staging_keep,
  gc_grace,
  gc_wait,
  prompt_budget,
  prompt_policy,
  prompt_dedup,
  warm_budget,
  warm_ttl,
  mount_hot,
  mount_hot_size,
  mount_passthrough,
  mount_verify,
  mount_threads,
};
inline constexpr std::size_t kSettingCount = static_cast<std::size_t>(Setting::mount_threads) + 1;

/// `prompt.budget`
[[nodiscard]] std::string_view name_of(Setting setting) noexcept;

/// `PFCACHE_PROMPT_BUDGET`
[[nodiscard]] std::string variable_of(Setting setting);

/// Throws: Errc::invalid_argument for a name that no setting has, with the near one.
[[nodiscard]] Setting setting_named(std::string_view name);

/// Where a value comes from, in rising order of precedence.
enum class ConfigLayer : std::uint8_t { built_in, system, user, store, environment, command_line };

/// `default`, `system`, `user`, `store`, `environment` or `command line`.
[[nodiscard]] std::string_view name_of(ConfigLayer layer) noexcept;

/// What a setting is, and who said so.
struct ConfigValue {
  std::optional<std::string> text = {};  ///< in one spelling, whatever was written; nothing: it depends on the machine
  ConfigLayer layer = ConfigLayer::built_in;
  std::string source = {};  ///< a file, a variable such as `$PFCACHE_STORE`, an option; empty for a default
  std::uint32_t line = 0;   ///< of the file, from 1
};

/// The kinds of values.
enum class SettingKind : std::uint8_t { text, size, duration, number, boolean };
[[nodiscard]] SettingKind kind_of(Setting setting) noexcept;

/// What is wrong with a layer. What is right with it holds nevertheless.
struct ConfigProblem {
  std::error_code code;
  std::string message;  ///< names the file and the line, or the variable

  /// The message, with the system's reason where there is one: `cannot open 'x': Permission denied`.
  [[nodiscard]] std::string text() const;
};

/// A file that was looked for.
struct ConfigFile {
  ConfigLayer layer = ConfigLayer::system;
  std::filesystem::path path;
  bool exists = false;
};

/// The outside world that settings come from.
struct ConfigSources {
  std::filesystem::path root = "/";  ///< below which /etc/pfcache/config.toml is looked for
  std::function<std::optional<std::string>(const std::string&)> variable;
  bool is_root = false;
  std::optional<std::filesystem::path> store = {};  ///< as the command line names it
  std::string store_option = "--store";             ///< by which argument

  /// Those of this process, without a command line.
  [[nodiscard]] static ConfigSources of_process();
};

class Config {
 public:
  /// Reads all layers. What is wrong with them is kept in problems(). Throws: std::bad_alloc.
  [[nodiscard]] static Config load(const ConfigSources& sources);

  [[nodiscard]] const ConfigValue& value(Setting setting) const noexcept;

  /// The value of a setting of that kind. REQUIRES: it has one.
  [[nodiscard]] const std::string& text(Setting setting) const;
  [[nodiscard]] std::uint64_t size_bytes(Setting setting) const;
  [[nodiscard]] std::chrono::seconds duration(Setting setting) const;
  [[nodiscard]] std::uint32_t number(Setting setting) const;
  [[nodiscard]] bool is_on(Setting setting) const;

  /// The directory of the store. Throws: Errc::invalid_argument when nothing says where it is.
  [[nodiscard]] std::filesystem::path store_path() const;

  /// The files that were looked for, in the order of their layers.
  [[nodiscard]] const std::vector<ConfigFile>& files() const noexcept { return files_; }

  [[nodiscard]] const std::vector<ConfigProblem>& problems() const noexcept { return problems_; }

  /// Throws: the first problem, if any.
  void require_sound() const;

 private:
  std::array<ConfigValue, kSettingCount> values_;
  std::vector<ConfigFile> files_;
  std::vector<ConfigProblem> problems_;
};

}  // namespace pfcache
#pragma GCC visibility pop
