#include "cli/session.hpp"

#include <charconv>

#include "cli/input.hpp"
#include "cli/text.hpp"

namespace pfcache::cli {

Session::Session(GlobalOptions global, Environment& environment)
    : global_(std::move(global)),
      environment_(&environment),
      status_line_(std::make_unique<StatusLine>(environment.err, [this] { return err_columns(); })) {}

const Config& Session::config() const {
  any_config().require_sound();
  return *config_;
}

const Config& Session::any_config() const {
  if (!config_) {
    config_ = Config::load({.root = environment_->root,
                            .variable = environment_->variable,
                            .is_root = environment_->is_root,
                            .store = global_.store});
  }
  return *config_;
}

std::vector<std::byte> Session::read_input(std::uint64_t limit_bytes) const {
  return read_to_end(environment_->in_fd, limit_bytes, environment_->stop);
}

std::string Session::variable(const std::string& name) const { return environment_->variable(name).value_or(""); }

ProgressStyle Session::progress_style() const {
  if (global_.quiet) return ProgressStyle::none;
  if (global_.json) return ProgressStyle::records;
  if (!environment_->err_is_terminal || variable("TERM") == "dumb") return ProgressStyle::none;
  return has_color() ? ProgressStyle::colored_line : ProgressStyle::line;
}

// https://no-color.org: any value of the variable but an empty one.
bool Session::has_color() const { return variable("NO_COLOR").empty(); }

std::optional<std::size_t> Session::err_columns() const {
  constexpr std::size_t kUsualColumns = 80;
  const auto columns = environment_->err_columns();
  if (columns != std::size_t{0}) return columns;
  std::size_t told = 0;
  const std::string text = variable("COLUMNS");
  std::from_chars(text.data(), text.data() + text.size(), told);
  return told != 0 ? told : kUsualColumns;
}

void Session::note(std::string_view text) const {
  if (!global_.quiet) warn(text);
}

void Session::warn(std::string_view text) const { status_line_->say("pfcache: " + printable(text)); }

}  // namespace pfcache::cli
