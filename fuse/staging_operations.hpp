// What the files of the staging operations share.
#pragma once

#include "fuse/area.hpp"
#include "fuse/operations.hpp"
#include "fuse/staging_side.hpp"

namespace pfcache::fuse {

/// The inode. Throws: ESTALE.
[[nodiscard]] MirrorInodePtr mirror_of(const FileSystem& fs, fuse_ino_t id);

/// Where it is. Throws: ENOENT for one that was unlinked.
[[nodiscard]] MirrorPlace place_of(const FileSystem& fs, const MirrorInodePtr& inode);

/// A directory in which something is to be made, moved or unlinked: one that can be written, or one of a sealed
/// snapshot, which then gets a staging directory again. Throws: EROFS; EPERM for others.
[[nodiscard]] MirrorInodePtr writable_directory(FileSystem& fs, fuse_req_t req, fuse_ino_t id);

/// The same of a directory in which something of that name and type is about to be made: nothing is done for what is
/// sealed and can't have it. Throws: also EPERM.
[[nodiscard]] MirrorInodePtr writable_directory_for(FileSystem& fs, fuse_req_t req, fuse_ino_t id,
                                                    std::string_view name, mode_t type);

/// The inode of what a name leads to now: of its real file, or of what appears where there is none. Who has an inode
/// open keeps the file that he opened; when another has come to its name since, in the store and past this mount, that
/// one gets an inode of its own, where the area is open to others.
[[nodiscard]] MirrorInodePtr current_inode(FileSystem& fs, const MirrorInodePtr& parent, std::string_view name,
                                           mode_t type, const std::optional<struct stat>& real);

/// Attributes of an inode: of its real file, or of what appears in its place. Throws: ENOENT.
[[nodiscard]] struct stat attributes_of(FileSystem& fs, const MirrorInodePtr& inode);

/// The descriptor of the real file of an inode that is open, which is made when it was open by what appears.
/// REQUIRES: its open.mutex is held. Throws: ESTALE when that was removed or replaced since; system errors.
[[nodiscard]] int real_fd(FileSystem& fs, const MirrorInodePtr& inode);

/// The answer that names it, its lookup counted. `found` = its attributes_of().
[[nodiscard]] fuse_entry_param mirror_entry(FileSystem& fs, const MirrorInodePtr& inode, const struct stat& found);

/// Sends it; takes the lookup back when that doesn't work.
void reply_entry(FileSystem& fs, fuse_req_t req, const MirrorInodePtr& inode);

/// The parts, in files of their own.
void add_staging_file_operations(fuse_lowlevel_ops& ops) noexcept;
void add_staging_name_operations(fuse_lowlevel_ops& ops) noexcept;
void add_staging_directory_operations(fuse_lowlevel_ops& ops) noexcept;

/// The operations for contents, which take what is not for this part.
[[nodiscard]] const fuse_lowlevel_ops& sealed_operations() noexcept;

}  // namespace pfcache::fuse
