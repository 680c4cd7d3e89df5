// What the files of the staging operations share.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "fuse/operations.hpp"
#include "fuse/staging_side.hpp"

namespace pfcache::fuse {

/// An arriving snapshot's place taken apart.
struct ArrivingPlace {
  Digest digest;
  std::string subdirectory;  ///< `pages`, `seqs/x`; empty for the snapshot's own directory
  std::string name;          ///< of the file in it; empty for the directory itself

  [[nodiscard]] std::string path() const { return subdirectory.empty() ? name : subdirectory + "/" + name; }
};

/// REQUIRES: place.area is arriving, and depth() ≥ 1.
[[nodiscard]] ArrivingPlace arriving_place(const MirrorPlace& place);

[[nodiscard]] inline bool is_in_flight(std::string_view name) noexcept { return name.starts_with('.'); }

/// So is all that is below a directory of such a name: rsync --partial-dir and --delay-updates have one.
[[nodiscard]] inline bool is_in_flight(const ArrivingPlace& place) noexcept {
  return is_in_flight(place.name) || is_in_flight(place.subdirectory) ||
         place.subdirectory.find("/.") != std::string::npos;
}

/// The inode. Throws: ESTALE.
[[nodiscard]] MirrorInodePtr mirror_of(const FileSystem& fs, fuse_ino_t id);

/// Where it is. Throws: ENOENT for one that was unlinked.
[[nodiscard]] MirrorPlace place_of(const FileSystem& fs, const MirrorInodePtr& inode);

/// A directory in which something is to be made, moved or unlinked: one that can be written, or one of a sealed
/// snapshot, which then gets a staging directory again. Throws: EROFS; EPERM for others.
[[nodiscard]] MirrorInodePtr writable_directory(FileSystem& fs, fuse_req_t req, fuse_ino_t id);

/// The staging directory of what arrives, the caller being noted as one of those who bring it.
[[nodiscard]] ArrivalPtr arrival_of(FileSystem& fs, fuse_req_t req, const Digest& digest);

/// What the store has for a place without a file: of an arriving snapshot as much of the sealed one as can be shown.
[[nodiscard]] std::optional<Node> apparition(FileSystem& fs, const MirrorPlace& place);

/// Attributes of an inode: of its real file, or of what appears in its place. Throws: ENOENT.
[[nodiscard]] struct stat attributes_of(FileSystem& fs, const MirrorInodePtr& inode);

/// The answer that names it, its lookup counted. `found` = its attributes_of().
[[nodiscard]] fuse_entry_param mirror_entry(FileSystem& fs, const MirrorInodePtr& inode, const struct stat& found);

/// Sends it; takes the lookup back when that doesn't work.
void reply_entry(FileSystem& fs, fuse_req_t req, const MirrorInodePtr& inode);

/// The parts, in files of their own.
void add_staging_file_operations(fuse_lowlevel_ops& ops) noexcept;
void add_staging_name_operations(fuse_lowlevel_ops& ops) noexcept;
void add_staging_directory_operations(fuse_lowlevel_ops& ops) noexcept;

/// Makes a real file of a content. Throws: ENOENT when `node` is none.
void copy_content(FileSystem& fs, const std::optional<Node>& node, const MirrorPlace& place);

/// The page that a sequence has at a position; nothing when `where` is none.
[[nodiscard]] std::optional<PageIndex> page_in_sequence(const SnapshotView& view, const ArrivingPlace& where);

/// The operations for contents, which take what is not for this part.
[[nodiscard]] const fuse_lowlevel_ops& sealed_operations() noexcept;

/// Checks that a file or directory of that name may be made at the place. Throws: EINVAL, EPERM.
void require_makeable(const MirrorPlace& place, mode_t type);

/// To be told of what was made; of interest for what arrives.
void note_made(FileSystem& fs, const MirrorPlace& place);

/// To be called when a writer of a file closed it, and when the last one has gone.
void after_flush(FileSystem& fs, const MirrorPlace& place);
void after_close(FileSystem& fs, const MirrorPlace& place);

/// Has the kernel write to the real files what programs have written into mappings of files of /new/<name>.
void write_back_mappings(FileSystem& fs, std::string_view name);

/// The file that appears at the inode's place made a real one, with its bytes unless they are to go anyway.
void materialize(FileSystem& fs, const MirrorInodePtr& inode, bool with_bytes);

}  // namespace pfcache::fuse
