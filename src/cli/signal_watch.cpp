#include "cli/signal_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

#include "pfcache/error.hpp"

namespace pfcache::cli {
namespace {

sigset_t signals_to_watch() {
  sigset_t set{};
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action {};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) ::sigaddset(&set, signal);  // NOLINT(*-union-access): POSIX made it one
  }
  return set;
}

/// Ends the program as the signal does that nobody handles.
void die_by(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t one{};
  ::sigemptyset(&one);
  ::sigaddset(&one, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::raise(signal);
}

}  // namespace

SignalWatch::SignalWatch() : watched_(signals_to_watch()) {
  ::pthread_sigmask(SIG_BLOCK, &watched_, nullptr);
  signals_ = UniqueFd(::signalfd(-1, &watched_, SFD_CLOEXEC));
  end_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  if (!signals_ || !end_) throw Error::from_last_errno("cannot watch for signals");
  thread_ = std::jthread([this] { watch(); });
}

SignalWatch::~SignalWatch() {
  const std::uint64_t one = 1;
  // Fails for no valid descriptor and no counter that is not at its limit: never here.
  [[maybe_unused]] const ssize_t written = ::write(end_.get(), &one, sizeof one);
}

void SignalWatch::watch() {
  std::array<pollfd, 2> files = {{{signals_.get(), POLLIN, 0}, {end_.get(), POLLIN, 0}}};
  while (true) {
    if (::poll(files.data(), files.size(), -1) < 0) {
      if (errno == EINTR) continue;
      return;
    }
    if (files[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) != static_cast<ssize_t>(sizeof info)) return;
    const int signal = static_cast<int>(info.ssi_signo);
    if (source_.stop_requested()) die_by(signal);
    signal_ = signal;
    source_.request_stop();
  }
}

}  // namespace pfcache::cli
