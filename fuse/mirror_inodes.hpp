// The inodes of directories that can be written: names in a tree of real files.
//
// Such an inode is a place, not a content: a parent and a name, from which the real file's path follows. Renaming a
// directory so moves all that is below it. What is unlinked, or was moved over, has no place any more and lives on by
// the descriptor of who has it open. Numbers are given out in order and never again, in a range that content ids keep
// free of (node.hpp).
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fuse/hot_file.hpp"
#include "fuse/node.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

class Apparition;

/// The directories of the store that are shown so.
enum class MirrorArea : std::uint8_t {
  fresh,     ///< STORE/staging/new at /new
  arriving,  ///< STORE/staging/snap at /snap, for snapshots that are not sealed
  prompt,    ///< STORE/prompt at /prompt
  warm,      ///< STORE/warm at /warm
};
inline constexpr std::size_t kMirrorAreas = 4;

/// Those that are directories of the mount's root.
struct RootArea {
  std::string_view name;
  std::uint64_t id;
  MirrorArea area;
};
inline constexpr std::array<RootArea, 3> kRootAreas = {{{"new", kNewId, MirrorArea::fresh},
                                                        {"prompt", kPromptId, MirrorArea::prompt},
                                                        {"warm", kWarmId, MirrorArea::warm}}};

/// Where an inode is: an area and the names from its root on.
struct MirrorPlace {
  MirrorArea area = MirrorArea::fresh;
  std::vector<std::string> names;

  [[nodiscard]] std::size_t depth() const noexcept { return names.size(); }
  [[nodiscard]] MirrorPlace child(std::string_view name) const;

  /// Names between the first, that of a snapshot, and the last, joined: `pages` of foo/pages/0001. REQUIRES: depth()
  /// ≥ 2.
  [[nodiscard]] std::string subdirectory() const;
  [[nodiscard]] std::string path() const;  ///< below the store
};

class MirrorInode {
 public:
  MirrorInode(std::uint64_t its_id, mode_t its_type) : id(its_id), type(its_type) {}

  const std::uint64_t id;
  const mode_t type;  ///< S_IFDIR, S_IFREG, S_IFLNK

  /// What is open, under its own lock: the kernel allows one way at a time, see open_files.hpp.
  struct OpenState {
    std::mutex mutex;
    unsigned opens = 0;
    UniqueFd fd;                          ///< of the real file, for reading and writing, while opens > 0
    std::shared_ptr<Apparition> written;  ///< instead of `fd`: what appears, as long as it takes what is written
    int backing_id = 0;                   ///< 0: by requests
    unsigned apparitions = 0;             ///< opens of what the store has in the place of a file, besides: cached ones
    std::shared_ptr<const Apparition> shown;  ///< the last of these
    bool is_written = false;
    UniqueFd replaced;                     ///< of the file, when another was renamed over it here
    std::optional<MirrorPlace> had_place;  ///< and where it was
    std::optional<FileStamp> cached;       ///< the file's, which all pages that the kernel keeps of it are younger than
  };
  OpenState open;

 private:
  friend class MirrorInodes;
  // All below are guarded by the table's mutex.
  std::shared_ptr<MirrorInode> parent_;  // null: a root, or without a place
  std::string name_;
  std::optional<MirrorArea> root_of_;
  std::uint64_t lookups_ = 0;
};

using MirrorInodePtr = std::shared_ptr<MirrorInode>;

/// Thread-safe.
class MirrorInodes {
 public:
  MirrorInodes();

  [[nodiscard]] const MirrorInodePtr& root(MirrorArea area) const noexcept;

  /// The inode with that number that the kernel knows; null for others.
  [[nodiscard]] MirrorInodePtr find(std::uint64_t id) const;

  /// The inode of a name in a directory, made when there is none, or one of another type.
  [[nodiscard]] MirrorInodePtr child(const MirrorInodePtr& parent, std::string_view name, mode_t type);

  /// The one that a name has; null when it has none.
  [[nodiscard]] MirrorInodePtr find_child(const MirrorInodePtr& parent, std::string_view name) const;

  /// The one at a place that has no type yet to check; made as directories down to the last.
  [[nodiscard]] MirrorInodePtr directory_at(const MirrorPlace& place);

  /// Counts a lookup: the kernel is about to know it.
  void remember(const MirrorInodePtr& inode);
  void forget(std::uint64_t id, std::uint64_t lookups);

  /// Nothing for one without a place.
  [[nodiscard]] std::optional<MirrorPlace> place_of(const MirrorInodePtr& inode) const;

  /// Takes the place of an inode away, whatever it is by now: the name gets another.
  void detach(const MirrorInodePtr& inode);

  /// What stands at a name goes, or comes to another, over what stands there.
  void remove(const MirrorInodePtr& parent, std::string_view name);
  void move(const MirrorInodePtr& from, std::string_view name, const MirrorInodePtr& to, std::string_view new_name);
  void exchange(const MirrorInodePtr& a, std::string_view name_a, const MirrorInodePtr& b, std::string_view name_b);

  /// All that the kernel knows.
  [[nodiscard]] std::vector<MirrorInodePtr> all() const;
  [[nodiscard]] std::size_t size() const;

 private:
  using Key = std::pair<const MirrorInode*, std::string>;

  [[nodiscard]] MirrorInodePtr take_locked(const Key& key);
  void put_locked(const MirrorInodePtr& parent, std::string_view name, const MirrorInodePtr& inode);
  void purge_locked();

  mutable std::mutex mutex_;
  std::uint64_t next_id_;                                    // guarded by mutex_, as all below
  std::unordered_map<std::uint64_t, MirrorInodePtr> known_;  // to the kernel
  std::map<Key, std::weak_ptr<MirrorInode>> by_name_;
  std::size_t purge_at_ = 1024;
  std::array<MirrorInodePtr, kMirrorAreas> roots_;  // by MirrorArea; fixed
};

}  // namespace pfcache::fuse
