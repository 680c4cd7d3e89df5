// Changes to a directory tree, made, recorded, failed on demand, and undone as a crash would undo them.
//
// A RecordingFileOps stands in for the system's calls (base/file_ops.hpp): it performs each one, except fsync, and
// writes it down. From the record it rebuilds, in another directory, what a crash after the first k calls could leave.
// The model of the disk is the least that POSIX promises:
//
// - bytes of a file are on disk as of that file's last fsync;
// - entries of a directory (creations, renames, removals, subdirectories) are on disk as of its last fsync;
// - a synced file without a synced entry is lost all the same;
// - a rename is atomic: both of its halves are there or neither, across directories too.
//
// Extended attributes are not modelled: after a crash there are none.
//
// Everything below the root at construction counts as durable. Use, for a program that takes a Directory:
//
//   RecordingFileOps ops(dir.path());
//   FsBlobStore store(Directory::open(dir.path(), ops), policy);
//   … change the store …
//   for (std::size_t calls = 0; calls <= ops.call_count(); ++calls) {
//     ops.materialise(calls, Crash::drop_unsynced, 0, elsewhere);
//     … look at `elsewhere` …
//   }
//
// Thread-safe; calls are performed one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_ops.hpp"

namespace pfcache::test {

enum class Crash {
  drop_unsynced,  ///< all that was not synced is lost
  keep_all,       ///< all that was done is there
  random,  ///< each unsynced thing is there or not, and unsynced bytes may be cut short or zeros, as `seed` has it
};

class RecordingFileOps final : public FileOps {
 public:
  /// Records what happens below `root`, an existing directory; calls elsewhere are performed and counted only.
  explicit RecordingFileOps(const std::filesystem::path& root);

  /// The number of calls so far, failed ones included: a point in time for materialise().
  [[nodiscard]] std::size_t call_count() const;

  /// A call in words, for messages: `rename blobs/.tmp-1 → blobs/x`.
  [[nodiscard]] std::string describe(std::size_t call) const;

  /// True when the call is an unlink.
  [[nodiscard]] bool is_unlink(std::size_t call) const;

  /// Lets the call of that number fail with `errnum` and do nothing; later ones succeed again.
  void fail_call(std::size_t call, int errnum);

  /// Lets no call fail that has not failed yet.
  void stop_failing();

  /// Fills `dest`, which is made or emptied, with what a crash after the first `calls` calls leaves.
  void materialise(std::size_t calls, Crash crash, std::uint64_t seed, const std::filesystem::path& dest) const;

  int open(int dir_fd, const char* name, int flags, mode_t mode) override;
  ssize_t write(int fd, const void* bytes, size_t size_bytes) override;
  ssize_t pwrite(int fd, const void* bytes, size_t size_bytes, off_t offset) override;
  int allocate(int fd, off_t size_bytes) override;
  int resize(int fd, off_t size_bytes) override;
  int fsync(int fd) override;
  int rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to) override;
  int unlink(int dir_fd, const char* name, int flags) override;
  int set_attribute(int fd, const char* name, const void* bytes, size_t size_bytes) override;
  int mkdir(int dir_fd, const char* name, mode_t mode) override;

  enum class Kind {
    open_existing,
    create,
    truncate,
    write,
    extend,
    resize,
    sync_file,
    sync_directory,
    rename,
    unlink,
    attribute,
    mkdir
  };

  struct Call {
    Kind kind = Kind::open_existing;
    std::string path = {};     ///< relative to the root; empty is the root
    std::string to = {};       ///< of a rename
    std::uint64_t offset = 0;  ///< of a write; of an extend and a resize the new size
    std::string bytes = {};
    bool done = false;  ///< succeeded, and inside the root
  };

  /// What was there at the start: paths of directories, and of files with their bytes, parents first.
  struct Initial {
    std::string path;
    std::optional<std::string> bytes;  ///< none for a directory
  };

 private:
  [[nodiscard]] std::optional<std::string> inside_root(const std::string& path) const;
  [[nodiscard]] std::optional<std::string> place_of(int fd) const;
  [[nodiscard]] std::optional<std::string> place_of(int dir_fd, const char* name) const;
  bool begin(Call call, bool inside);
  template <typename Result>
  Result end(Result result);

  std::string root_;
  std::vector<Initial> initial_;
  mutable std::mutex mutex_;
  // All below are guarded by mutex_.
  std::vector<Call> calls_;
  bool current_is_inside_ = false;
  std::optional<std::size_t> failing_call_;
  int failing_errno_ = 0;
};

}  // namespace pfcache::test
