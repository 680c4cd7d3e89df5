#include "cli/program.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {
namespace {

constexpr std::size_t kMaxOutputBytes = std::size_t{64} << 10;

std::string read_some(int fd) {
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() < kMaxOutputBytes) {
    const ssize_t count = ::read(fd, piece.data(), piece.size());
    if (count == 0 || (count < 0 && errno != EINTR)) break;
    if (count > 0) text.append(piece.data(), static_cast<std::size_t>(count));
  }
  return text;
}

/// Starts `command` with standard output to `out` and the rest to nowhere; its process id, or nothing.
std::optional<pid_t> start(const std::vector<std::string>& command, int out) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return std::nullopt;
  pid_t pid = -1;
  const bool is_started = ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) == 0 &&
                          ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO) == 0 &&
                          ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
                          ::posix_spawnp(&pid, arguments[0], &actions, nullptr, arguments.data(), environ) == 0;
  ::posix_spawn_file_actions_destroy(&actions);
  return is_started ? std::optional(pid) : std::nullopt;
}

}  // namespace

std::optional<std::string> output_of(const std::vector<std::string>& command) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const auto pid = start(command, out.get());
  out.reset();
  if (!pid) return std::nullopt;
  std::string text = read_some(in.get());
  in.reset();
  int status = 0;
  while (::waitpid(*pid, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return status == 0 ? std::optional(std::move(text)) : std::nullopt;
}

}  // namespace pfcache::cli
