#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <optional>

#include "cli/finding.hpp"
#include "cli/machine_files.hpp"
#include "cli/mounted_stores.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "pfcache/duration.hpp"
#include "pfcache/error.hpp"
#include "pfcache/near_word.hpp"
#include "pfcache/staging_entries.hpp"

namespace pfcache::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kVariablePrefix = "PFCACHE_";

constexpr std::uint64_t kLittleSpaceBytes = std::uint64_t{1} << 30;
constexpr std::chrono::hours kLongUncleaned{24 * 30};
constexpr std::string_view kTempPrefix = ".tmp-";

Finding examine_space(const Store& store) {
  struct statvfs found {};
  if (::statvfs(store.path().c_str(), &found) != 0) {
    return {Verdict::problem, "disk space", Error::from_last_errno("cannot be told").what()};
  }
  const std::uint64_t free_bytes = std::uint64_t{found.f_bavail} * found.f_frsize;
  const std::uint64_t total_bytes = std::uint64_t{found.f_blocks} * found.f_frsize;
  const std::string text = fmt::format("{} of {} free", human_bytes(free_bytes), human_bytes(total_bytes));
  if (free_bytes == 0) return {Verdict::problem, "disk space", text, "pfcache gc"};
  const bool is_little = free_bytes < kLittleSpaceBytes;
  return {is_little ? Verdict::warning : Verdict::ok, "disk space", text, is_little ? "pfcache gc" : ""};
}

Finding examine_writing(const Store& store) {
  if (::access(store.path().c_str(), W_OK) == 0) return {Verdict::ok, "writing", "the store can be written"};
  return {Verdict::warning, "writing", Error::from_last_errno("the store can't be written").what(),
          "as its owner, or mount its filesystem rw"};
}

bool is_older(const fs::path& path, std::chrono::seconds age) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && found.st_mtime < std::time(nullptr) - age.count();
}

/// Files in flight that nobody has touched for the grace period: their writers are dead.
std::uint64_t count_left_files(const fs::path& directory, std::chrono::seconds age) {
  std::uint64_t count = 0;
  std::error_code failure;  // what can't be read has none that could be counted
  for (fs::recursive_directory_iterator it(directory, failure), end; !failure && it != end; it.increment(failure)) {
    const bool is_temp = it->path().filename().native().starts_with(kTempPrefix);
    if (is_temp && is_older(it->path(), age)) ++count;
  }
  return count;
}

Finding examine_left_files(const Store& store, const Session& session) {
  const auto grace = session.any_config().duration(Setting::gc_grace);
  const std::uint64_t count = count_left_files(store.path() / "blobs", grace);
  if (count == 0) return {Verdict::ok, "temp files", "none were left behind"};
  return {Verdict::warning, "temp files", counted(count, "file") + " of programs that were killed", "pfcache gc"};
}

Finding examine_staging(const Store& store) {
  const std::vector<StagingEntry> entries = list_staging(store);
  const std::int64_t oldest = std::time(nullptr) - store.staging_keep().count();
  const auto old = static_cast<std::uint64_t>(
      std::ranges::count_if(entries, [&](const StagingEntry& entry) { return entry.touched_unix_secs < oldest; }));
  if (old == 0) return {Verdict::ok, "staging", counted(entries.size(), "snapshot") + " on the way in"};
  return {Verdict::warning, "staging",
          fmt::format("{} on the way in that nobody touched for {}", counted(old, "snapshot"),
                      duration_text(store.staging_keep())),
          "pfcache list --staging; pfcache gc"};
}

Finding examine_cleanup(const Store& store) {
  const auto since = store.uncleaned_since_unix_secs();
  if (!since) return {Verdict::ok, "clean-up", "none yet"};
  const std::string text = "none since " + utc_time(*since);
  if (std::chrono::seconds(std::time(nullptr) - *since) < kLongUncleaned) return {Verdict::ok, "clean-up", text};
  return {Verdict::warning, "clean-up", text, "pfcache gc; with systemd the timer pfcache-gc@"};
}

/// The lines of /proc/locks (proc(5)) about the store's lock name its holders.
Finding examine_lock(const Store& store, const Session& session) {
  struct stat found {};
  if (::stat((store.path() / "lock").c_str(), &found) != 0) return {Verdict::ok, "lock", "nobody has used it yet"};
  const std::string file = fmt::format(" {:02x}:{:02x}:{} ", major(found.st_dev), minor(found.st_dev), found.st_ino);
  const std::string locks = read_machine_file(session.root() / "proc/locks");
  const std::size_t at = locks.find(file);
  if (at == std::string::npos) return {Verdict::ok, "lock", "nobody holds it"};
  const std::size_t blank = locks.rfind(' ', at - 1);
  const bool is_cleanup = locks.substr(0, at).ends_with("WRITE" + locks.substr(blank, at - blank));
  return {Verdict::ok, "lock",
          fmt::format("held by process {}, {}", locks.substr(blank + 1, at - blank - 1),
                      is_cleanup ? "which cleans up" : "which writes")};
}

Finding examine_mount(const MountedStore& mount) {
  struct stat found {};
  if (::stat(mount.directory.c_str(), &found) == 0) return {Verdict::ok, "mount", mount.directory.native()};
  const int error = errno;
  const std::string where = mount.directory.native();
  if (error != ENOTCONN) return {Verdict::warning, "mount", Error::from_errno(error, where).what()};
  return {Verdict::problem, "mount", where + " is dead: its daemon is gone", "umount " + where};
}

void examine_mounts(const Store& store, const Session& session, Findings& findings) {
  const std::string table = read_machine_file(session.root() / "proc/self/mountinfo");
  for (const MountedStore& mount : whole_mounts_of_stores(parse_mount_table(table))) {
    std::error_code absent;
    if (fs::equivalent(mount.store, store.path(), absent)) findings.push_back(examine_mount(mount));
  }
}

bool is_out_of_reach(const std::error_code& code) { return code == std::errc::permission_denied; }

/// The store, or nothing and why.
std::optional<Store> open_store(const Session& session, Findings& findings) {
  try {
    const Config& config = session.any_config();
    Store store = Store::open(config.store_path(), StoreOptions::from(config));
    findings.push_back({Verdict::ok, "store",
                        fmt::format("{}, profile {}{}", store.path().native(),
                                    store.profile() == Profile::pf_core ? "pf-core" : "auto",
                                    store.is_foreign() ? ", which pf-core wrote" : "")});
    return store;
  } catch (const Error& error) {
    const bool is_absent = error.code() == Errc::not_found || error.code() == Errc::invalid_argument;
    const ConfigProblem problem{error.code(), reason_of(error)};
    findings.push_back({is_absent ? Verdict::warning : Verdict::problem, "store", problem.text(),
                        is_absent                       ? "pfcache --store DIR init"
                        : is_out_of_reach(error.code()) ? "make it readable"
                                                        : "restore its config.toml: pfcache.toml(5)"});
    return std::nullopt;
  }
}

/// Misspelled settings, which nobody reads.
void examine_variables(const Session& session, Findings& findings) {
  std::vector<std::string> known;
  for (std::size_t i = 0; i < kSettingCount; ++i) known.push_back(variable_of(static_cast<Setting>(i)));
  const std::vector<std::string_view> words(known.begin(), known.end());
  std::vector<std::string> names = session.variable_names();
  std::ranges::sort(names);
  for (const std::string& name : names) {
    if (!name.starts_with(kVariablePrefix) || std::ranges::find(known, name) != known.end()) continue;
    findings.push_back({Verdict::warning, "environment",
                        fmt::format("unknown variable '{}'{}", name, near_word_hint(name, words)), "unset " + name});
  }
}

}  // namespace

void examine_configuration(const Session& session, Findings& findings) {
  const Config& config = session.any_config();
  for (const ConfigProblem& problem : config.problems()) {
    const std::string advice = is_out_of_reach(problem.code) ? "make it readable" : "correct it: pfcache.toml(5)";
    findings.push_back({Verdict::problem, "configuration", problem.text(), advice});
  }
  const auto read = std::ranges::count(config.files(), true, &ConfigFile::exists);
  if (config.problems().empty()) {
    findings.push_back(
        {Verdict::ok, "configuration", counted(static_cast<std::uint64_t>(read), "file") + " read: pfcache config"});
  }
  examine_variables(session, findings);
}

void examine_store(const Session& session, Findings& findings) {
  const auto store = open_store(session, findings);
  if (!store) return;
  findings.push_back(examine_writing(*store));
  findings.push_back(examine_space(*store));
  findings.push_back(examine_left_files(*store, session));
  findings.push_back(examine_staging(*store));
  findings.push_back(examine_cleanup(*store));
  findings.push_back(examine_lock(*store, session));
  examine_mounts(*store, session, findings);
}

}  // namespace pfcache::cli
