// One run of a command: the options that every command has, the store they lead to, and where output goes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/command_line.hpp"
#include "cli/environment.hpp"
#include "cli/progress.hpp"
#include "pfcache/config.hpp"
#include "pfcache/json_writer.hpp"
#include "pfcache/store.hpp"

namespace pfcache::cli {

class Session {
 public:
  /// REQUIRES: `environment` outlives the session.
  Session(GlobalOptions global, Environment& environment);
  ~Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// All settings, read at the first call. Throws: what is wrong with them.
  [[nodiscard]] const Config& config() const;

  /// As far as they are sound, for those who show what is wrong.
  [[nodiscard]] const Config& any_config() const;

  /// The store's directory, which may be absent. Throws: as config(); Errc::invalid_argument when nothing says where it
  /// is.
  [[nodiscard]] std::filesystem::path store_path() const { return config().store_path(); }

  /// Throws: as store_path() and Store::open.
  [[nodiscard]] Store open_store() const { return Store::open(store_path(), StoreOptions::from(config())); }

  /// Below which the files of the machine are: /etc, /proc, /dev.
  [[nodiscard]] const std::filesystem::path& root() const noexcept { return environment_->root; }
  /// Names of all variables that are set.
  [[nodiscard]] std::vector<std::string> variable_names() const { return environment_->variable_names(); }
  [[nodiscard]] bool is_root() const noexcept { return environment_->is_root; }

  /// What a program prints on standard output; nothing when it can't be run or fails.
  [[nodiscard]] std::optional<std::string> program_output(const std::vector<std::string>& command) const {
    return environment_->program_output(command);
  }

  [[nodiscard]] bool json() const noexcept { return global_.json; }
  [[nodiscard]] bool out_is_terminal() const noexcept { return environment_->out_is_terminal; }
  /// True when standard output is a terminal on which the cursor can be moved.
  [[nodiscard]] bool can_draw() const { return environment_->out_is_terminal && variable("TERM") != "dumb"; }
  /// How large that terminal is now.
  [[nodiscard]] TerminalSize out_size() const { return environment_->out_size(); }
  /// False when the user wants none; whether there is a terminal is for the caller to ask.
  [[nodiscard]] bool has_color() const;
  [[nodiscard]] const std::stop_token& stop() const noexcept { return environment_->stop; }

  /// Calls `work(on_progress)` and shows on standard error how far `command` is, until that returns: on a terminal as a
  /// line, with --json as records, with --quiet not at all. REQUIRES: nothing is printed by out() meanwhile.
  template <typename Work>
  auto with_progress(std::string command, Work&& work) const {
    Progress progress(*status_line_, progress_style(), std::move(command), stop());
    return std::forward<Work>(work)(progress.listener());
  }

  /// All of standard input. Throws: Errc::too_large above `limit_bytes`; Errc::interrupted; system errors.
  [[nodiscard]] std::vector<std::byte> read_input(std::uint64_t limit_bytes) const;

  /// Standard input, for those who pass it on as it comes.
  [[nodiscard]] int in_fd() const noexcept { return environment_->in_fd; }

  /// Standard output.
  [[nodiscard]] std::ostream& out() const noexcept { return environment_->out; }

  /// Prints the one record of a command, as a line.
  void print(const JsonWriter& record) const { out() << record.text() << '\n'; }

  /// Says something on standard error, unless --quiet.
  void note(std::string_view text) const;

  /// Says something on standard error, always.
  void warn(std::string_view text) const;

 private:
  [[nodiscard]] std::string variable(const std::string& name) const;
  [[nodiscard]] ProgressStyle progress_style() const;
  [[nodiscard]] std::optional<std::size_t> err_columns() const;

  GlobalOptions global_;
  Environment* environment_;
  std::unique_ptr<StatusLine> status_line_;
  mutable std::optional<Config> config_;  // once it was asked for
};

}  // namespace pfcache::cli
