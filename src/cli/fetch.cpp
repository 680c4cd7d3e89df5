#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

#include "cli/mounted_stores.hpp"
#include "cli/names.hpp"
#include "cli/session.hpp"
#include "cli/text.hpp"
#include "cli/values.hpp"
#include "pfcache/error.hpp"
#include "pfcache/mount_status.hpp"
#include "pfcache/page_files.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {
namespace {

// The daemon decodes ahead on all CPUs by itself; a second thread is there while the first one waits.
constexpr unsigned kDefaultThreads = 2;

struct FetchArguments {
  std::string snapshot;
  std::optional<std::filesystem::path> directory;
  unsigned threads = 0;
};

/// What became of one mount.
struct Fetched {
  MountedStore mount;
  std::uint64_t pages = 0;  ///< that are hot now
  std::uint64_t bytes = 0;
  std::uint64_t left_out = 0;  ///< that would not stay
  std::uint64_t limit_bytes = 0;
  double seconds = 0;
  std::vector<std::string> damaged;
};

UniqueFd open_below(int directory, const std::string& path, int flags) {
  UniqueFd file(::openat(directory, path.c_str(), flags | O_RDONLY | O_CLOEXEC));
  if (!file) throw Error::from_last_errno(path);
  return file;
}

std::vector<MountedStore> choose_mounts(const FetchArguments& arguments, const Store& store) {
  std::vector<MountedStore> mounts = find_mounts(store.path());
  if (arguments.directory) {
    std::erase_if(mounts, [&](const MountedStore& mount) {
      std::error_code absent;
      return !std::filesystem::equivalent(mount.directory, *arguments.directory, absent);
    });
  }
  if (!mounts.empty()) return mounts;
  const std::string where = arguments.directory ? "on " + arguments.directory->string() : "anywhere";
  throw Error(Errc::not_found,
              fmt::format("store {} is not mounted {}; mount it with: mount.pfcache {} {}", store.path().native(),
                          where, store.path().native(), arguments.directory ? arguments.directory->string() : "DIR"));
}

/// How many pages, from the first on, the mount keeps hot at one time. The same page twice costs once.
std::size_t count_fitting(const std::vector<PageEntry>& pages, std::uint64_t page_bytes, const MountStatus& status) {
  constexpr std::uint64_t kBlockBytes = 4096;
  const std::uint64_t cost_bytes =
      std::max<std::uint64_t>(1, (page_bytes + kBlockBytes - 1) / kBlockBytes) * kBlockBytes;
  const std::uint64_t most = std::min<std::uint64_t>(status.limit_bytes / cost_bytes, status.file_limit);
  std::set<std::pair<Digest, Digest>> different;
  for (std::size_t i = 0; i < pages.size(); ++i) {
    different.emplace(pages[i].k, pages[i].v);
    if (different.size() > most) return i;
  }
  return pages.size();
}

/// Opens pages and reads a byte of each, by which the daemon makes them hot: with passthrough the open does it, without
/// it the read.
class PageOpener {
 public:
  PageOpener(int directory, std::span<const PageEntry> pages, std::uint64_t page_bytes, const OnProgress& on_progress,
             const std::stop_token& stop)
      : directory_(directory), pages_(pages), page_bytes_(page_bytes), on_progress_(on_progress), stop_(stop) {}

  /// Throws: Errc::interrupted; system errors that don't concern one page.
  void run(unsigned threads) {
    {
      std::vector<std::jthread> helpers;
      for (unsigned i = 1; i < threads; ++i) helpers.emplace_back([this] { work(); });
      work();
    }
    if (failure_) std::rethrow_exception(failure_);
    std::sort(damaged_.begin(), damaged_.end());
  }

  [[nodiscard]] std::vector<std::string>& damaged() noexcept { return damaged_; }

 private:
  void work() noexcept {
    try {
      for (std::size_t i = next_++; i < pages_.size(); i = next_++) {
        if (stop_.stop_requested()) throw Error(Errc::interrupted, "fetch");
        open_page(page_file_name(pages_[i].ix));
        tell_progress();
      }
    } catch (...) {
      next_ = pages_.size();
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
    }
  }

  void open_page(const std::string& name) {
    const UniqueFd file(::openat(directory_, name.c_str(), O_RDONLY | O_CLOEXEC));
    char byte = 0;
    if (file && ::pread(file.get(), &byte, 1, 0) >= 0) return;
    if (errno != EIO) throw Error::from_last_errno("pages/" + name);
    const std::lock_guard lock(mutex_);
    damaged_.push_back("pages/" + name);
  }

  void tell_progress() {
    if (!on_progress_) return;
    const std::lock_guard lock(mutex_);
    opened_bytes_ += page_bytes_;
    on_progress_({.phase = "fetch", .done = opened_bytes_, .total = pages_.size() * page_bytes_});
  }

  const int directory_;
  const std::span<const PageEntry> pages_;
  const std::uint64_t page_bytes_;
  const OnProgress& on_progress_;
  const std::stop_token& stop_;
  std::atomic<std::size_t> next_ = 0;
  std::mutex mutex_;
  std::exception_ptr failure_;  // guarded by mutex_, as the next
  std::vector<std::string> damaged_;
  std::uint64_t opened_bytes_ = 0;
};

Fetched fetch_into(const MountedStore& mount, const Digest& digest, const PageManifest& manifest,
                   const FetchArguments& arguments, const Session& session) {
  const auto start = std::chrono::steady_clock::now();
  std::vector<PageEntry> pages = manifest.effective_pages();
  const std::uint64_t page_bytes = 2 * manifest.meta.page_bytes();
  const UniqueFd root = open_below(AT_FDCWD, mount.directory, O_DIRECTORY);
  MountStatus status;
  if (::ioctl(root.get(), kMountStatusRequest, &status) != 0) throw Error::from_last_errno(mount.directory);
  const UniqueFd directory = open_below(root.get(), "snap/" + digest.hex() + "/pages", O_DIRECTORY);

  const std::size_t fitting = count_fitting(pages, page_bytes, status);
  unsigned threads = arguments.threads == 0 ? kDefaultThreads : arguments.threads;
  if (fitting < pages.size()) {
    // Forwards the daemon would decode ahead what doesn't fit, and drop what does. So one goes backwards.
    std::reverse(pages.begin(), pages.begin() + static_cast<std::ptrdiff_t>(fitting));
    threads = 1;
  }
  Fetched fetched{mount, fitting, 0, pages.size() - fitting, status.limit_bytes, 0, {}};
  session.with_progress("fetch", [&](const OnProgress& on_progress) {
    PageOpener opener(directory.get(), std::span(pages).first(fitting), page_bytes, on_progress, session.stop());
    opener.run(threads);
    fetched.damaged = std::move(opener.damaged());
  });
  fetched.pages -= fetched.damaged.size();
  fetched.bytes = fetched.pages * page_bytes;
  fetched.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return fetched;
}

void tell(const Fetched& fetched, const Session& session) {
  const std::string& where = fetched.mount.directory.native();
  for (const std::string& page : fetched.damaged) session.warn(fmt::format("damaged: {} in {}", page, where));
  session.note(fmt::format("{}, {} hot in {} after {:.1f} s", counted(fetched.pages, "page"),
                           human_bytes(fetched.bytes), where, fetched.seconds));
  if (fetched.left_out == 0) return;
  session.warn(fmt::format("{}: the snapshot is larger than the mount's hot_size of {}: {} left out", where,
                           human_bytes(fetched.limit_bytes), counted(fetched.left_out, "page")));
}

void print_record(const Digest& digest, const std::vector<Fetched>& all, const Session& session) {
  Fetched sum;
  JsonWriter json;
  json.begin_object().field("snapshot", digest.hex()).key("mounts").begin_array();
  for (const Fetched& fetched : all) {
    sum.pages += fetched.pages;
    sum.bytes += fetched.bytes;
    sum.seconds += fetched.seconds;
    json.begin_object().field("directory", as_utf8(fetched.mount.directory.native()));
    json.field("pages", fetched.pages).field("bytes", fetched.bytes).field("seconds", fetched.seconds);
    json.field("left_out", fetched.left_out).field("limit_bytes", fetched.limit_bytes).key("damaged").begin_array();
    for (const std::string& page : fetched.damaged) json.value(page);
    json.end_array().end_object();
  }
  json.end_array().field("pages", sum.pages).field("bytes", sum.bytes).field("seconds", sum.seconds);
  session.print(json.end_object());
}

int run_fetch(const FetchArguments& arguments, const Session& session) {
  const Store store = session.open_store();
  const Digest digest = resolve_snapshot(store, arguments.snapshot);
  const PageManifest manifest = store.manifest(digest);
  std::vector<Fetched> all;
  for (const MountedStore& mount : choose_mounts(arguments, store)) {
    all.push_back(fetch_into(mount, digest, manifest, arguments, session));
    tell(all.back(), session);
  }
  if (session.json()) print_record(digest, all, session);
  const auto any = [&](auto&& is_so) { return std::any_of(all.begin(), all.end(), is_so); };
  if (any([](const Fetched& fetched) { return !fetched.damaged.empty(); })) return kDamage;
  return any([](const Fetched& fetched) { return fetched.left_out > 0; }) ? kPart : kDone;
}

constexpr const char* kDetails = R"(Decodes and verifies every page now, so that a restore through the mount finds them
ready. Without --mount in every mount of the store that is seen from here.
Exit status 10 when there is none, 13 when pages are damaged, 3 when the snapshot is
larger than the mount's hot_size: then its first pages are hot.)";

Run declare_fetch(ArgumentTable& table) {
  auto arguments = std::make_shared<FetchArguments>();
  table.positional("SNAPSHOT", "what to make hot", keep(arguments->snapshot));
  table.option("--mount", "DIR", "in this mount alone", [arguments](std::string_view text) {
    if (text.empty()) throw Error(Errc::invalid_argument, "--mount: expected a directory, found an empty text");
    arguments->directory = std::filesystem::path(text);
  });
  table.option("--threads", "N", "that open pages (0: as many as are useful)",
               [arguments](std::string_view text) { arguments->threads = parse_threads(text); });
  return [arguments](const Session& session) { return run_fetch(*arguments, session); };
}

}  // namespace

Command fetch_command() {
  return {"fetch", "Make a snapshot hot in the mounts of the store", kDetails, "pfcache fetch chat --mount /mnt/kv",
          declare_fetch};
}

}  // namespace pfcache::cli
