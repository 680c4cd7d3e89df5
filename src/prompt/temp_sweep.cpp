#include "prompt/temp_sweep.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>

#include <cerrno>
#include <charconv>
#include <ctime>
#include <optional>

#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/error.hpp"
#include "prompt/locks.hpp"

namespace pfcache {
namespace {

constexpr std::string_view kTheirs = ".tmp.";  // ds4: <name>.tmp.<pid>

/// The process that ds4's name for a temp file tells.
std::optional<pid_t> writer_of(std::string_view name) noexcept {
  const std::size_t at = name.rfind(kTheirs);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view digits = name.substr(at + kTheirs.size());
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (error != std::errc{} || end != digits.data() + digits.size() || pid <= 0) return std::nullopt;
  return pid;
}

/// rsync's: `.<40 hex>.kv.<6 characters>`.
bool is_copy_in_flight(std::string_view name) noexcept {
  if (!name.starts_with('.')) return false;
  const std::size_t end = name.rfind('.');
  return end > 0 && PromptName::parse(name.substr(1, end - 1)).has_value();
}

bool is_alive(pid_t pid) noexcept { return ::kill(pid, 0) == 0 || errno != ESRCH; }

/// ds4 takes no lock, and a process id may be one of another container: so age counts first.
bool is_left_over(const Directory& directory, const std::string& name, std::chrono::seconds min_age) {
  const auto fd = directory.find_file(name);
  struct stat st {};
  if (!fd || ::fstat(fd->get(), &st) != 0 || !S_ISREG(st.st_mode)) return false;
  if (std::time(nullptr) - st.st_mtim.tv_sec < min_age.count()) return false;
  const auto writer = writer_of(name);
  return is_unlocked(fd->get()) && !(writer && is_alive(*writer));
}

}  // namespace

bool is_prompt_temp_name(std::string_view file_name) noexcept {
  return is_temp_name(file_name) || writer_of(file_name).has_value() || is_copy_in_flight(file_name);
}

std::uint64_t sweep_prompt_temps(const Directory& directory, std::chrono::seconds min_age) {
  std::uint64_t swept = 0;
  for (const std::string& name : directory.names()) {
    if (!is_prompt_temp_name(name) || !is_left_over(directory, name, min_age)) continue;
    if (directory.ops().unlink(directory.fd(), name.c_str(), 0) == 0) {
      ++swept;
    } else if (errno != ENOENT) {
      throw Error::from_last_errno(fmt::format("cannot remove '{}'", directory.path_of(name)));
    }
  }
  return swept;
}

}  // namespace pfcache
