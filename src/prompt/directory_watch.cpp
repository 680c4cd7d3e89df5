#include "prompt/directory_watch.hpp"

#include <fmt/format.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>

#include "base/file_stamp.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kEntryEvents = IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CREATE;
// More than a tick of the clock that file times come from.
constexpr std::int64_t kSettledNanos = 50'000'000;

}  // namespace

DirectoryWatch::DirectoryWatch(const Directory& directory)
    : directory_(&directory), events_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
  const std::string place = fmt::format("/proc/self/fd/{}", directory.fd());
  const std::uint32_t mask = kEntryEvents | IN_CLOSE_WRITE | IN_ONLYDIR;
  if (events_ && ::inotify_add_watch(events_.get(), place.c_str(), mask) < 0) events_.reset();
}

DirectoryWatch::Changes DirectoryWatch::poll() { return events_ ? poll_events() : poll_time(); }

DirectoryWatch::Changes DirectoryWatch::poll_events() const {
  Changes changes;
  alignas(inotify_event) std::array<char, std::size_t{64} << 10> buffer;
  while (true) {
    const ssize_t size = ::read(events_.get(), buffer.data(), buffer.size());
    if (size <= 0) return changes;  // EAGAIN: no more
    for (const char* at = buffer.data(); at < buffer.data() + size;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      at += sizeof(inotify_event) + event->len;
      if ((event->mask & (IN_Q_OVERFLOW | IN_IGNORED)) != 0) changes.all = true;
      if (event->len == 0) continue;
      ((event->mask & kEntryEvents) != 0 ? changes.entries : changes.written).emplace_back(event->name);
    }
  }
}

DirectoryWatch::Changes DirectoryWatch::poll_time() {
  struct stat st {};
  if (::fstat(directory_->fd(), &st) != 0) {
    throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory_->path()));
  }
  const std::int64_t modified_ns = stamp_of(st).modified_ns;
  const bool same = seen_ns_ == modified_ns;
  // A directory that changed just now may change again within the same tick, and show the same time.
  const bool settled = stamp_clock_ns() - modified_ns > kSettledNanos;
  seen_ns_ = settled ? modified_ns : 0;
  Changes changes;
  changes.all = !same;
  return changes;
}

}  // namespace pfcache
