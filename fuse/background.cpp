#include "fuse/background.hpp"

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

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
  std::fprintf(stderr, "mount.pfcache: the daemon was ended by signal %d\n", WTERMSIG(status));
  return 1;
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
    return daemon(starter);
  }
  there.reset();
  return wait_for_release(here.get()) ? 0 : exit_status_of_child(child);
}

}  // namespace pfcache::fuse
