#include "cli/session.hpp"

#include "cli/input.hpp"
#include "cli/text.hpp"
#include "pfcache/error.hpp"

namespace pfcache::cli {

std::filesystem::path Session::store_path() const {
  if (global_.store) return *global_.store;
  const std::string named = variable("PFCACHE_STORE");
  return named.empty() ? default_store_path() : std::filesystem::path(named);
}

bool Session::uses_default_store() const { return !global_.store && variable("PFCACHE_STORE").empty(); }

std::filesystem::path Session::default_store_path() const {
  if (environment_->is_root) return "/var/lib/pfcache";
  // The XDG specification has relative paths ignored.
  const std::filesystem::path data = variable("XDG_DATA_HOME");
  if (data.is_absolute()) return data / "pfcache";
  const std::filesystem::path home = variable("HOME");
  if (home.is_absolute()) return home / ".local/share/pfcache";
  throw Error(Errc::invalid_argument, "no store is named and $HOME is unset: expected --store DIR or $PFCACHE_STORE");
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
