#include "fuse/background.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <utility>

#include "fuse/exit_status.hpp"
#include "fuse/log.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::array<int, 3> kEndSignals = {SIGINT, SIGTERM, SIGHUP};

// Signal handlers can be told of nothing but globals.
volatile std::sig_atomic_t waiting_for = 0;
volatile std::sig_atomic_t was_interrupted = 0;

// What is to end the command ends the daemon, too, or it would mount after nobody waits for that any more.
void pass_on(int signal) {
  was_interrupted = 1;
  ::kill(waiting_for, signal);
}

// Signals that who started us wants ignored stay so.
void pass_signals_on_to(pid_t child) {
  waiting_for = child;
  for (const int signal : kEndSignals) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = pass_on;
    ::sigaction(signal, &action, nullptr);
  }
}

// True when the daemon said that it serves, false when its end of the line was closed before.
bool wait_for_release(int line) {
  char byte = 0;
  ssize_t got = 0;
  do {
    got = ::read(line, &byte, 1);
  } while (got < 0 && errno == EINTR);
  return got == 1;
}

int exit_status_of_child(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Error::from_last_errno("waiting for the daemon");
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  const int signal = WTERMSIG(status);
  if (std::find(kEndSignals.begin(), kEndSignals.end(), signal) != kEndSignals.end()) return kExitInterrupted;
  Log::to_stderr(fmt::format("the daemon was ended by signal {}", signal));
  return kExitMountFailed;
}

}  // namespace

void Starter::release() noexcept {
  if (!line_) return;
  ::setsid();
  // A daemon that stays in some directory keeps its filesystem from being unmounted. "/" is always there.
  if (::chdir("/") != 0) std::perror("mount.pfcache: chdir /");
  const UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (null) {
    for (const int stdio : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) ::dup2(null.get(), stdio);
  }
  const char byte = 1;
  // Nobody listens when the starter was killed meanwhile; the mount is there nevertheless.
  [[maybe_unused]] const ssize_t written = ::write(line_.get(), &byte, 1);
  line_.reset();
}

int run_in_background(const std::function<int(Starter&)>& daemon) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw Error::from_last_errno("pipe");
  UniqueFd here(ends[0]);
  UniqueFd there(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw Error::from_last_errno("fork");
  if (child == 0) {
    here.reset();
    Starter starter(std::move(there));
    const int status = daemon(starter);
    // A session that was ended before it began has no failure to tell of.
    return status == 0 && !starter.has_released() ? kExitInterrupted : status;
  }
  there.reset();
  pass_signals_on_to(child);
  const bool is_serving = wait_for_release(here.get());
  if (is_serving && was_interrupted == 0) return 0;
  const int status = exit_status_of_child(child);
  return was_interrupted != 0 ? kExitInterrupted : status;
}

}  // namespace pfcache::fuse
