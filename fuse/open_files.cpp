#include "fuse/open_files.hpp"

#include <utility>

namespace pfcache::fuse {

std::optional<int> OpenFiles::join(std::uint64_t inode) {
  const std::lock_guard lock(mutex_);
  const auto found = inodes_.find(inode);
  if (found == inodes_.end()) return std::nullopt;
  ++found->second.opens;
  return found->second.backing_id;
}

int OpenFiles::open(std::uint64_t inode, const HotFilePtr& file, const std::function<int(int)>& open_backing) {
  const std::lock_guard lock(mutex_);
  const auto [place, is_first] = inodes_.try_emplace(inode);
  OpenInode& entry = place->second;
  if (is_first) {
    if (file != nullptr) entry.backing_id = open_backing(file->fd());
    if (entry.backing_id == 0) entry.file = file;
  }
  ++entry.opens;
  return entry.backing_id;
}

std::optional<int> OpenFiles::release(std::uint64_t inode) {
  OpenInode ended;  // let go after the lock
  const std::lock_guard lock(mutex_);
  const auto found = inodes_.find(inode);
  if (found == inodes_.end() || --found->second.opens > 0) return std::nullopt;
  ended = std::move(found->second);
  inodes_.erase(found);
  if (ended.backing_id == 0) return std::nullopt;
  return ended.backing_id;
}

HotFilePtr OpenFiles::file(std::uint64_t inode) const {
  const std::lock_guard lock(mutex_);
  const auto found = inodes_.find(inode);
  return found == inodes_.end() ? nullptr : found->second.file;
}

void OpenFiles::set_file(std::uint64_t inode, const HotFilePtr& file) {
  const std::lock_guard lock(mutex_);
  const auto found = inodes_.find(inode);
  if (found != inodes_.end()) found->second.file = file;
}

std::size_t OpenFiles::size() const {
  const std::lock_guard lock(mutex_);
  return inodes_.size();
}

}  // namespace pfcache::fuse
