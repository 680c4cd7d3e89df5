#include "cli/session.hpp"

#include "cli/input.hpp"
#include "cli/text.hpp"

namespace pfcache::cli {

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

// https://no-color.org: any value but an empty one.
Progress::Style Session::progress_style() const {
  return {environment_->err_is_terminal && !global_.quiet, variable("NO_COLOR").empty()};
}

void Session::note(std::string_view text) const {
  if (!global_.quiet) warn(text);
}

void Session::warn(std::string_view text) const { environment_->err << "pfcache: " << printable(text) << '\n'; }

}  // namespace pfcache::cli
