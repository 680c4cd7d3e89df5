#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>

#include "cli/mounted_stores.hpp"
#include "cli/screen.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/top_view.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct TopArguments {
  std::optional<std::filesystem::path> directory;
  std::chrono::seconds interval{1};
  bool once = false;
};

std::filesystem::path choose_directory(const TopArguments& arguments, const Session& session) {
  if (arguments.directory) return *arguments.directory;
  const std::filesystem::path store = session.store_path();
  const std::vector<MountedStore> mounts = find_mounts(store);
  if (mounts.empty()) {
    throw Error(Errc::not_found,
                fmt::format("store {0} is not mounted anywhere; mount it with: mount.pfcache {0} DIR", store.native()));
  }
  if (mounts.size() == 1) return mounts.front().directory;
  std::vector<std::string> directories;
  for (const MountedStore& mount : mounts) directories.push_back(mount.directory.native());
  throw Error(Errc::invalid_argument, fmt::format("store {} is mounted more than once; expected DIR, one of: {}",
                                                  store.native(), join(directories, ", ")));
}

std::string read_all(int fd, const std::string& name) {
  std::string text(kMaxMountStatsBytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(fd, text.data() + size, text.size() - size);
    if (count < 0 && errno != EINTR) throw Error::from_last_errno(name);
    if (count == 0) break;
    size += static_cast<std::size_t>(std::max<ssize_t>(count, 0));
  }
  text.resize(size);
  return text;
}

/// Nothing when no store is mounted there. No descriptor is kept: the mount could not be unmounted meanwhile.
std::optional<MountMetrics> read_metrics(const std::filesystem::path& directory) {
  const std::string name = directory / ".pfcache" / "stats.json";
  try {
    const UniqueFd file(::open(name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) throw Error::from_last_errno(name);
    return parse_mount_metrics(read_all(file.get(), name), name);
  } catch (const Error& error) {
    const int why = errno_of(error.code());
    // The last two are a mount whose daemon died.
    if (why == ENOENT || why == ENOTDIR || why == ENOTCONN || why == ECONNABORTED) return std::nullopt;
    throw;
  }
}

MountMetrics first_metrics(const std::filesystem::path& directory) {
  if (auto metrics = read_metrics(directory)) return *metrics;
  throw Error(Errc::not_found,
              fmt::format("no store is mounted on {0}; mount one with: mount.pfcache STORE {0}", directory.native()));
}

double up_seconds(const MountMetrics& metrics) {
  const auto now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch());
  // A clock that was set back, or another machine's, makes no time negative.
  return std::max(0.0, now.count() - static_cast<double>(metrics[MountValue::start_time]));
}

MountWindow window_of_all(const MountMetrics& metrics) {
  return {{}, metrics, up_seconds(metrics), up_seconds(metrics)};
}

/// Shows one window after the other until a key ends it. Throws: Errc::not_found when the mount goes away;
/// Errc::interrupted.
void watch(const std::filesystem::path& directory, const TopArguments& arguments, const Session& session) {
  MountWindow window = window_of_all(first_metrics(directory));
  Screen screen(session.out(), session.in_fd(), [&session] { return session.out_size(); });
  auto read_at = Clock::now();
  const auto text_for = [&](const TerminalSize& size) {
    return top_text(window, directory.native(), session.has_color(), size.rows == 0 ? kTopRows : size.rows);
  };
  screen.draw(text_for);
  while (true) {
    const auto next = read_at + arguments.interval;
    if (const auto key = screen.wait_for_key(next - Clock::now(), session.stop())) {
      if (*key == 'q' || *key == 'Q') return;
      continue;
    }
    if (session.stop().stop_requested()) throw Error(Errc::interrupted, "top");
    if (Clock::now() >= next) {
      const auto metrics = read_metrics(directory);
      if (!metrics) throw Error(Errc::not_found, fmt::format("the mount on {} has ended", directory.native()));
      const auto now = Clock::now();
      window = window_between(window.now, *metrics, std::chrono::duration<double>(now - read_at).count(),
                              up_seconds(*metrics));
      read_at = now;
    }
    screen.draw(text_for);
  }
}

int run_top(const TopArguments& arguments, const Session& session) {
  const std::filesystem::path directory = choose_directory(arguments, session);
  if (session.json()) {
    session.out() << top_record(window_of_all(first_metrics(directory)), directory.native()) << '\n';
  } else if (arguments.once || !session.can_draw()) {
    session.out() << top_text(window_of_all(first_metrics(directory)), directory.native(), false);
  } else {
    watch(directory, arguments, session);
  }
  return kDone;
}

constexpr const char* kDetails = R"(DIR is where the store is mounted; it may be left out when that is one place only.
On a terminal the picture is drawn anew each interval, until q is pressed. With --once
or --json, or into a file, it is told once, with rates since the store was mounted.
Exit status 10 when there is no mount, or no more.)";

Run declare_top(ArgumentTable& table) {
  auto arguments = std::make_shared<TopArguments>();
  table.optional_positional("DIR", "the mount to look at", [arguments](std::string_view text) {
    if (text.empty()) throw Error(Errc::invalid_argument, "DIR: expected a directory, found an empty text");
    arguments->directory = std::filesystem::path(text);
  });
  table.flag("--once", arguments->once, "tell it once");
  table.option("--interval", "TIME", "between two pictures, from 1s to 1h (1s)", [arguments](std::string_view text) {
    arguments->interval = parse_time("--interval", text);
    if (arguments->interval >= std::chrono::seconds(1) && arguments->interval <= std::chrono::hours(1)) return;
    throw Error(Errc::invalid_argument, fmt::format("--interval: expected 1s to 1h, found '{}'", text));
  });
  return [arguments](const Session& session) { return run_top(*arguments, session); };
}

}  // namespace

Command top_command() {
  return {"top", "Show what a mount does, live", kDetails, "pfcache top /mnt/kv --interval 2s", declare_top};
}

}  // namespace pfcache::cli
