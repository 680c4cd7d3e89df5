#include "fuse/staging_side.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "fuse/arriving_area.hpp"
#include "fuse/fresh_area.hpp"
#include "fuse/warm_area.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::chrono::seconds kTidyEvery{2};

void tidy_until_stopped(Staging& staging, Arrivals& arrivals, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    try {
      staging.tidy();
      arrivals.tidy();
    } catch (const std::exception&) {
      // The next round tries again.
    }
    never.wait_for(lock, stop, kTidyEvery, [] { return false; });
  }
}

}  // namespace

StagingSide::StagingSide(Store& a_store, bool writable, const PromptLimits& prompt_limits,
                         const WarmStartOptions& warm_limits)
    : store(a_store),
      is_writable(writable),
      staging(a_store),
      files(a_store.path()),
      arrivals(staging),
      areas_{std::make_unique<FreshArea>(), std::make_unique<ArrivingArea>(),
             std::make_unique<PromptArea>(a_store, prompt_limits),
             std::make_unique<WarmArea>(a_store.path(), warm_limits)} {
  if (writable)
    tidier_ = std::jthread([this](const std::stop_token& stop) { tidy_until_stopped(staging, arrivals, stop); });
}

StagingSide::~StagingSide() = default;

void StagingSide::require_writable() const {
  if (!is_writable) throw Error::from_errno(EROFS, "the mount is read-only");
}

bool is_writable_store(const Store& store, std::string& why) {
  if (::faccessat(AT_FDCWD, store.path().c_str(), W_OK, AT_EACCESS) == 0) return true;
  why = std::strerror(errno);  // NOLINT(concurrency-mt-unsafe): before there are threads
  return false;
}

}  // namespace pfcache::fuse
