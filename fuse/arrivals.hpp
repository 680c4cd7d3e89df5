// Snapshots that arrive, as the mount shows them.
//
// Whoever brings one sees what he has made and, as far as the manifest is known, pages that the store has: those appear
// by themselves. It is sealed with its last page, and from then on everybody sees the snapshot, but those who brought
// it, or have looked at it before, see a directory of which they can go on writing until they have been quiet for a
// moment: rsync still has files in flight, another rsync those that it saw missing, and `cp -r` of a mount's directory
// may yet have k/ and v/ to copy.
//
// Some programs copy into a directory they have made without a look at what is in it: cp, tar and Python's shutil make
// each file anew and fail when it is there. To those, while they are at it, only what was made here is shown. They give
// themselves away by how they make files: rsync gives them a name in flight, or with --inplace neither cuts them nor
// insists that they are new.
//
// Others look whether a symlink is there before they make it, and fail when the seal has shown it meanwhile: to who was
// told that there is none it does not appear either, until he has made it or his moment is over.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "fuse/snapshot_view.hpp"
#include "pfcache/staging.hpp"

namespace pfcache::fuse {

using SnapshotPtr = std::shared_ptr<const SnapshotView>;

/// For how long a writer is at work after his last change: enough for a slow sender on a busy machine, whose next file
/// comes late.
inline constexpr std::chrono::milliseconds kWriterMoment{3000};

/// Thread-safe.
class Arrival {
 public:
  Arrival(ArrivingSnapshotPtr snapshot, std::chrono::milliseconds moment)
      : snapshot_(std::move(snapshot)), moment_(moment) {}

  [[nodiscard]] ArrivingSnapshot& snapshot() const noexcept { return *snapshot_; }

  /// What the manifest says; null before it has come.
  [[nodiscard]] SnapshotPtr view();

  /// A thread that has changed something, just now.
  void note_writer(pid_t thread);
  /// One that has looked at it before it was sealed, and may be about to change something.
  void note_visitor(pid_t thread);
  /// One that made files anew under their final names.
  void note_copier(pid_t thread);
  /// A file of it is open for writing, or no more.
  void note_open();
  void note_close();

  /// True for writers and visitors, and for threads that they have started, until a moment after the last change of
  /// any. Of rsync one process looks what is missing and makes the directories, and its child makes the files.
  [[nodiscard]] bool is_at_work(pid_t thread) const;

  /// A thread was told that there is nothing at a path below the snapshot, and may be about to make it.
  void note_absent(pid_t thread, const std::string& path);

  /// True when what the store has must not appear to this thread at a path below the snapshot.
  [[nodiscard]] bool hides(pid_t thread, const std::string& path) const;

  /// A path below the snapshot was unlinked: until something is made there nothing appears by itself.
  void hide(const std::string& path);
  void note_made(const std::string& path);
  [[nodiscard]] bool is_hidden(const std::string& path) const;

 private:
  [[nodiscard]] bool is_busy_locked() const;

  const ArrivingSnapshotPtr snapshot_;
  const std::chrono::milliseconds moment_;
  mutable std::mutex mutex_;
  SnapshotPtr view_;        // guarded by mutex_, as all below
  std::set<pid_t> guests_;  // writers and visitors
  std::set<pid_t> copiers_;
  std::set<std::string> made_;
  std::map<std::string, pid_t> absent_;  // who was told so last
  unsigned open_files_ = 0;
  std::chrono::steady_clock::time_point last_change_{};
  std::set<std::string> hidden_;
};

using ArrivalPtr = std::shared_ptr<Arrival>;

/// Thread-safe.
class Arrivals {
 public:
  /// REQUIRES: `staging` outlives this object.
  explicit Arrivals(Staging& staging, std::chrono::milliseconds moment = kWriterMoment)
      : staging_(staging), moment_(moment) {}

  /// The one that has a staging directory; null when it has none.
  [[nodiscard]] ArrivalPtr find(const Digest& digest);
  /// The same, of those that were found before: costs nothing.
  [[nodiscard]] ArrivalPtr find_known(const Digest& digest) const;
  /// Makes the directory when it is absent.
  [[nodiscard]] ArrivalPtr make(const Digest& digest);

  /// Lets go of those whose directories are gone.
  void tidy();

 private:
  [[nodiscard]] ArrivalPtr keep(ArrivingSnapshotPtr snapshot, const Digest& digest);

  Staging& staging_;
  const std::chrono::milliseconds moment_;
  mutable std::mutex mutex_;
  std::map<Digest, ArrivalPtr> known_;  // guarded by mutex_
};

}  // namespace pfcache::fuse
