// What makes one kind of directory that can be written different from another.
//
// Its files are real files of the store, and what is done with them is the same everywhere (staging_*_operations.cpp).
// The area says which names there may be, what *appears* in the place of files that are not there, and what follows
// from a change.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuse/fuse_api.hpp"
#include "fuse/mirror_inodes.hpp"

namespace pfcache::fuse {

struct FileSystem;

/// The number of what isn't looked up, and so has none: a listing must give one all the same.
inline constexpr std::uint64_t kUnknownId = 0xFFFFFFFF;

/// A name in a directory as readdir gives it.
struct AreaEntry {
  std::string name;
  std::uint64_t id = 0;
  mode_t type = 0;
};

/// Bytes of a file, the last one's number plus one at the end.
struct FileRange {
  static constexpr std::uint64_t kToTheEnd = std::numeric_limits<std::uint64_t>::max();  ///< of a file that is cut

  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

/// What a hard link is made of: a file of a directory that can be written, or a content.
struct LinkSource {
  std::optional<MirrorPlace> place;
  std::optional<Node> sealed;
};

/// A file that appears, open. Thread-safe.
class Apparition {
 public:
  Apparition() = default;
  Apparition(const Apparition&) = delete;
  Apparition& operator=(const Apparition&) = delete;
  virtual ~Apparition() = default;

  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;

  /// Fills `out` from `offset` on. REQUIRES: no further than the end. Throws: EIO for what is damaged.
  virtual void read(std::uint64_t offset, std::span<std::byte> out) const = 0;

  /// Changes bytes, or the length, where it can be changed. False, and nothing is, for what takes a real file.
  virtual bool write(std::uint64_t /*offset*/, std::span<const std::byte> /*bytes*/) { return false; }
  virtual bool resize(std::uint64_t /*size_bytes*/) { return false; }

  /// The store's file that it is made of, where there is one: for fstat(2) and fsync(2).
  [[nodiscard]] virtual std::optional<int> source_fd() const noexcept { return std::nullopt; }
};

using ApparitionPtr = std::shared_ptr<const Apparition>;

/// Thread-safe. Places are of the area itself. Whoever asked is answered with the errno of what is thrown.
class Area {
 public:
  Area() = default;
  Area(const Area&) = delete;
  Area& operator=(const Area&) = delete;
  virtual ~Area() = default;

  /// Checks that a file, directory or symlink may be made at the place. Throws: EINVAL, EPERM.
  virtual void require_makeable(const MirrorPlace& place, mode_t type) const = 0;

  /// Checks the text of a symlink that is to be made. Throws: EINVAL, EBADMSG.
  virtual void require_link_text(FileSystem& /*fs*/, const MirrorPlace& /*place*/, std::string_view /*text*/) {}

  /// False for what is there and nobody is to see.
  [[nodiscard]] virtual bool is_shown(const MirrorPlace& /*place*/) const { return true; }

  /// The place that a name stands for now, if that isn't always the same one. Its inode is another with each.
  [[nodiscard]] virtual MirrorPlace resolve(FileSystem& /*fs*/, const MirrorPlace& place) { return place; }

  /// For how many seconds the kernel may believe what a name leads to.
  [[nodiscard]] virtual double entry_timeout(const MirrorPlace& /*place*/) const noexcept { return 0; }

  /// Something is about to be made, moved or removed in a directory.
  virtual void before_change(FileSystem& /*fs*/, fuse_req_t /*req*/, const MirrorPlace& /*directory*/) {}

  /// Something was made.
  virtual void note_made(FileSystem& /*fs*/, const MirrorPlace& /*place*/) {}

  /// True when all reading and writing is to come by before_read() and change(): nothing goes by passthrough then, and
  /// writers do direct I/O.
  [[nodiscard]] virtual bool sees_all() const noexcept { return false; }

  /// True when its files come and go past the inodes of this mount, too.
  [[nodiscard]] virtual bool is_open_to_others() const noexcept { return false; }

  /// A file is about to get another length. Throws: EPERM where it can't have that one.
  virtual void before_truncation(FileSystem& /*fs*/, const MirrorPlace& /*place*/, std::uint64_t /*size_bytes*/) {}

  /// A real file was opened by somebody who reads what is in it. Throws: EIO for what is damaged.
  virtual void after_open(FileSystem& /*fs*/, const MirrorPlace& /*place*/, int /*fd*/) {}

  /// Bytes up to `end` of a real file are about to be given out. Throws: EIO for what is damaged.
  virtual void before_read(FileSystem& /*fs*/, const MirrorPlace& /*place*/, int /*fd*/, std::uint64_t /*end*/) {}

  /// Has `make` change a range of a real file.
  virtual void change(FileSystem& /*fs*/, const MirrorPlace& /*place*/, int /*fd*/, const FileRange& /*range*/,
                      const std::function<void()>& make) {
    make();
  }

  /// A writer of a file closed it; and the last one has gone.
  virtual void after_flush(FileSystem& /*fs*/, const MirrorPlace& /*place*/) {}
  virtual void after_close(FileSystem& /*fs*/, const MirrorPlace& /*place*/) {}

  /// fsync of a directory, the real one being synced already.
  virtual void sync(FileSystem& /*fs*/, const MirrorPlace& /*directory*/) {}

  virtual void make_directory(FileSystem& fs, const MirrorPlace& place);

  /// Gives a file a name more. Default: EPERM.
  virtual void link(FileSystem& fs, const LinkSource& source, const MirrorPlace& place);

  /// Moves what is there. False when both names stay, since they are of one file already.
  virtual bool rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) = 0;

  /// Removes what is there. `flags`: AT_REMOVEDIR or 0.
  virtual void remove(FileSystem& fs, const MirrorPlace& place, int flags);

  /// Puts right what a real file's attributes should say here.
  virtual void amend_attributes(FileSystem& /*fs*/, const MirrorPlace& /*place*/, struct stat& /*attributes*/) {}

  /// An extended attribute; nothing when there is none of that name.
  [[nodiscard]] virtual std::optional<std::string> attribute(FileSystem& /*fs*/, const MirrorPlace& /*place*/,
                                                             std::string_view /*name*/) {
    return std::nullopt;
  }

  /// Attributes of what appears at a place; nothing when nothing does. `id` is the number of the inode.
  [[nodiscard]] virtual std::optional<struct stat> find_apparition(FileSystem& /*fs*/, const MirrorPlace& /*place*/,
                                                                   std::uint64_t /*id*/) {
    return std::nullopt;
  }

  /// True when what appears is not to be seen by whoever asks now.
  [[nodiscard]] virtual bool hides_apparition(FileSystem& /*fs*/, fuse_req_t /*req*/, const MirrorPlace& /*place*/) {
    return false;
  }

  /// Whoever asks now is told that nothing is there.
  virtual void note_absent(FileSystem& /*fs*/, fuse_req_t /*req*/, const MirrorPlace& /*place*/) {}

  /// Adds what appears in a directory to the entries that are there.
  virtual void add_apparitions(FileSystem& /*fs*/, const MirrorPlace& /*directory*/,
                               std::vector<AreaEntry>& /*entries*/) {}

  /// The file that appears, to be read; null when none does. Throws: EIO.
  [[nodiscard]] virtual ApparitionPtr open_apparition(FileSystem& /*fs*/, const MirrorPlace& /*place*/) {
    return nullptr;
  }

  /// The same, to be written too; null where that takes a real file from the beginning. Throws: EIO.
  [[nodiscard]] virtual std::shared_ptr<Apparition> open_writable_apparition(FileSystem& /*fs*/,
                                                                             const MirrorPlace& /*place*/) {
    return nullptr;
  }

  /// Makes a real file of the one that appears, with its bytes unless they are to go anyway. Throws: ENOENT.
  virtual void materialize(FileSystem& fs, const MirrorPlace& place, bool with_bytes);

  /// The text of a symlink that appears. Throws: ENOENT.
  [[nodiscard]] virtual std::string link_text(FileSystem& fs, const MirrorPlace& place);
};

/// The area of a place.
[[nodiscard]] Area& area_of(FileSystem& fs, const MirrorPlace& place) noexcept;

}  // namespace pfcache::fuse
