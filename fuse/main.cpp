// mount.pfcache: shows a store as a filesystem.
#include <fmt/format.h>
#include <malloc.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuse/background.hpp"
#include "fuse/completion.hpp"
#include "fuse/configured_options.hpp"
#include "fuse/exit_status.hpp"
#include "fuse/fuse_api.hpp"
#include "fuse/log.hpp"
#include "fuse/mount_checks.hpp"
#include "fuse/mount_namespace.hpp"
#include "fuse/mount_options.hpp"
#include "fuse/mount_point.hpp"
#include "fuse/service_manager.hpp"
#include "fuse/session.hpp"
#include "fuse/usage.hpp"
#include "pfcache/error.hpp"
#include "pfcache/store.hpp"
#include "pfcache/unique_fd.hpp"
#include "pfcache/version.hpp"

namespace {

using pfcache::Error;
using pfcache::StoreOptions;
using pfcache::fuse::Log;
using pfcache::fuse::MountOptions;
using pfcache::fuse::SessionEvents;
using pfcache::fuse::Starter;
using pfcache::fuse::tell_service_manager;

// Says on stderr what went wrong; the exit status for it.
int report_failure(const std::exception& failure) {
  const auto* error = dynamic_cast<const std::system_error*>(&failure);
  const bool is_usage = error != nullptr && error->code() == pfcache::Errc::invalid_argument;
  Log::to_stderr(is_usage ? pfcache::reason_of(*error) : failure.what());
  return pfcache::fuse::exit_status_for(failure);
}

// The daemon leaves the working directory, so paths are made absolute while they mean what their user meant.
void make_paths_absolute(MountOptions& options) {
  options.directory = pfcache::fuse::resolve_mount_point(options.directory);
  options.store = std::filesystem::absolute(options.store).lexically_normal();
  if (options.hot == pfcache::fuse::HotPlace::directory) {
    options.hot_directory = std::filesystem::absolute(options.hot_directory).lexically_normal();
  }
}

// For who waits at a terminal: what comes later goes to the system's log.
void tell_users(const MountOptions& options, Log& log) {
  if (::geteuid() == 0 || options.passthrough != pfcache::fuse::PassthroughUse::automatic) return;
  log.tell("mounted without root, hence without passthrough: the daemon serves every read");
}

// Blocks of a megabyte and more always go back to the system when they are freed. By itself glibc begins to keep larger
// and larger ones, and a daemon that parsed one large manifest would stay several times as large as what it holds.
void return_large_blocks() { ::mallopt(M_MMAP_THRESHOLD, 1 << 20); }

// A daemon that its starter waits for lets it go; one in the foreground tells the service manager, if it has one. The
// former must not do that: the socket may be another service's, which ran mount(8).
SessionEvents make_events(const MountOptions& options, Log& log, Starter* starter) {
  if (starter == nullptr) {
    return {[&options] {
              tell_service_manager(fmt::format("READY=1\nSTATUS=Serving {} on {}", options.store, options.directory));
            },
            [] { tell_service_manager("STOPPING=1\nSTATUS=Unmounting"); }};
  }
  return {[&options, &log, starter] {
            tell_users(options, log);
            log.set_sink(Log::to_syslog);
            starter->release();
          },
          [] {}};
}

int run_mount(const MountOptions& options, const StoreOptions& how, Log& log, Starter* starter) {
  return_large_blocks();
  pfcache::Store store = pfcache::Store::open(options.store, how);
  pfcache::fuse::serve(store, options, log, make_events(options, log, starter));
  return 0;
}

int run(const MountOptions& options, const StoreOptions& how, Log& log) {
  if (options.foreground || options.is_fake) return run_mount(options, how, log, nullptr);
  return pfcache::fuse::run_in_background([&](Starter& starter) {
    try {
      return run_mount(options, how, log, &starter);
    } catch (const std::exception& failure) {
      return report_failure(failure);
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  pfcache::take_standard_descriptors();
  try {
    const std::vector<std::string_view> args(argv + 1, argv + argc);
    if (!args.empty() && args.front() == pfcache::fuse::kCompleteOption) {
      fmt::print("{}", pfcache::fuse::complete(std::span(args).subspan(1)));
      return 0;
    }
    MountOptions options = pfcache::fuse::parse_mount_options(args);
    if (options.show_help) {
      fmt::print("{}", pfcache::fuse::usage());
      return 0;
    }
    if (options.show_version) {
      fmt::print("mount.pfcache {} with libfuse {}\n", pfcache::version(), fuse_pkgversion());
      return 0;
    }
    ::openlog("mount.pfcache", LOG_PID, LOG_DAEMON);
    if (!options.mount_namespace.empty()) pfcache::fuse::enter_mount_namespace(options.mount_namespace);
    const pfcache::Config config = pfcache::fuse::load_config(options.store);
    options = pfcache::fuse::parse_mount_options(args, pfcache::fuse::configured_options(config));
    make_paths_absolute(options);
    Log log;
    if (options.is_verbose) log.tell(fmt::format("store {}, mount point {}", options.store, options.directory));
    pfcache::fuse::check_machine(options);
    pfcache::fuse::prepare_mount_point(options.directory, options.is_fake, log);
    return run(options, StoreOptions::from(config), log);
  } catch (const std::exception& failure) {
    return report_failure(failure);
  }
}
