#include "fuse/mirror_inodes.hpp"

#include <algorithm>

namespace pfcache::fuse {
namespace {

constexpr std::array<std::string_view, kMirrorAreas> kAreaPaths = {"staging/new", "staging/snap", "prompt", "warm"};

bool is_root_id(std::uint64_t id) noexcept { return id < kFirstMirrorId; }

}  // namespace

MirrorPlace MirrorPlace::child(std::string_view name) const {
  MirrorPlace place = *this;
  place.names.emplace_back(name);
  return place;
}

std::string MirrorPlace::subdirectory() const {
  std::string text;
  for (std::size_t i = 1; i + 1 < names.size(); ++i) text += (text.empty() ? "" : "/") + names[i];
  return text;
}

std::string MirrorPlace::path() const {
  std::string text(kAreaPaths.at(static_cast<std::size_t>(area)));
  for (const std::string& name : names) text += "/" + name;
  return text;
}

MirrorInodes::MirrorInodes() : next_id_(kFirstMirrorId) {
  // The one of what arrives is never shown: it has no number.
  for (MirrorInodePtr& root : roots_) root = std::make_shared<MirrorInode>(0, S_IFDIR);
  for (const RootArea& root : kRootAreas) {
    roots_.at(static_cast<std::size_t>(root.area)) = std::make_shared<MirrorInode>(root.id, S_IFDIR);
  }
  for (std::size_t i = 0; i < roots_.size(); ++i) roots_[i]->root_of_ = static_cast<MirrorArea>(i);
}

const MirrorInodePtr& MirrorInodes::root(MirrorArea area) const noexcept {
  return roots_[static_cast<std::size_t>(area)];
}

MirrorInodePtr MirrorInodes::find(std::uint64_t id) const {
  for (const RootArea& root_area : kRootAreas) {
    if (root_area.id == id) return root(root_area.area);
  }
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(id);
  return found == known_.end() ? nullptr : found->second;
}

MirrorInodePtr MirrorInodes::child(const MirrorInodePtr& parent, std::string_view name, mode_t type) {
  const std::scoped_lock lock(mutex_);
  const Key key(parent.get(), std::string(name));
  const auto found = by_name_.find(key);
  if (found != by_name_.end()) {
    MirrorInodePtr inode = found->second.lock();
    if (inode && inode->type == type) return inode;
    static_cast<void>(take_locked(key));
  }
  if (next_id_ > kLastFixedId) next_id_ = kFirstMirrorId;
  while (known_.contains(next_id_)) ++next_id_;
  auto inode = std::make_shared<MirrorInode>(next_id_++, type);
  put_locked(parent, name, inode);
  return inode;
}

MirrorInodePtr MirrorInodes::find_child(const MirrorInodePtr& parent, std::string_view name) const {
  const std::scoped_lock lock(mutex_);
  const auto found = by_name_.find(Key(parent.get(), std::string(name)));
  return found == by_name_.end() ? nullptr : found->second.lock();
}

MirrorInodePtr MirrorInodes::directory_at(const MirrorPlace& place) {
  MirrorInodePtr inode = root(place.area);
  for (const std::string& name : place.names) inode = child(inode, name, S_IFDIR);
  return inode;
}

void MirrorInodes::remember(const MirrorInodePtr& inode) {
  if (is_root_id(inode->id)) return;
  const std::scoped_lock lock(mutex_);
  ++inode->lookups_;
  known_[inode->id] = inode;
}

void MirrorInodes::forget(std::uint64_t id, std::uint64_t lookups) {
  MirrorInodePtr gone;  // let go after the lock
  const std::scoped_lock lock(mutex_);
  const auto found = known_.find(id);
  if (found == known_.end()) return;
  found->second->lookups_ -= std::min(lookups, found->second->lookups_);
  if (found->second->lookups_ > 0) return;
  gone = std::move(found->second);
  known_.erase(found);
}

std::optional<MirrorPlace> MirrorInodes::place_of(const MirrorInodePtr& inode) const {
  const std::scoped_lock lock(mutex_);
  MirrorPlace place;
  const MirrorInode* at = inode.get();
  for (; at->parent_ != nullptr; at = at->parent_.get()) place.names.push_back(at->name_);
  if (!at->root_of_) return std::nullopt;
  place.area = *at->root_of_;
  std::reverse(place.names.begin(), place.names.end());
  return place;
}

// The inode that has the name, which has no place afterwards; null when there was none.
MirrorInodePtr MirrorInodes::take_locked(const Key& key) {
  const auto found = by_name_.find(key);
  if (found == by_name_.end()) return nullptr;
  MirrorInodePtr inode = found->second.lock();
  by_name_.erase(found);
  if (inode) {
    inode->parent_ = nullptr;
    inode->name_.clear();
  }
  return inode;
}

void MirrorInodes::put_locked(const MirrorInodePtr& parent, std::string_view name, const MirrorInodePtr& inode) {
  static_cast<void>(take_locked(Key(parent.get(), std::string(name))));
  inode->parent_ = parent;
  inode->name_ = name;
  by_name_[Key(parent.get(), inode->name_)] = inode;
  if (by_name_.size() >= purge_at_) purge_locked();
}

void MirrorInodes::purge_locked() {
  std::erase_if(by_name_, [](const auto& entry) { return entry.second.expired(); });
  purge_at_ = std::max<std::size_t>(1024, 2 * by_name_.size());
}

void MirrorInodes::remove(const MirrorInodePtr& parent, std::string_view name) {
  const std::scoped_lock lock(mutex_);
  static_cast<void>(take_locked(Key(parent.get(), std::string(name))));
}

void MirrorInodes::detach(const MirrorInodePtr& inode) {
  const std::scoped_lock lock(mutex_);
  if (inode->parent_) static_cast<void>(take_locked(Key(inode->parent_.get(), inode->name_)));
}

void MirrorInodes::move(const MirrorInodePtr& from, std::string_view name, const MirrorInodePtr& to,
                        std::string_view new_name) {
  const std::scoped_lock lock(mutex_);
  const MirrorInodePtr inode = take_locked(Key(from.get(), std::string(name)));
  static_cast<void>(take_locked(Key(to.get(), std::string(new_name))));
  if (inode) put_locked(to, new_name, inode);
}

void MirrorInodes::exchange(const MirrorInodePtr& a, std::string_view name_a, const MirrorInodePtr& b,
                            std::string_view name_b) {
  const std::scoped_lock lock(mutex_);
  const MirrorInodePtr first = take_locked(Key(a.get(), std::string(name_a)));
  const MirrorInodePtr second = take_locked(Key(b.get(), std::string(name_b)));
  if (first) put_locked(b, name_b, first);
  if (second) put_locked(a, name_a, second);
}

std::vector<MirrorInodePtr> MirrorInodes::all() const {
  const std::scoped_lock lock(mutex_);
  std::vector<MirrorInodePtr> inodes;
  inodes.reserve(known_.size());
  for (const auto& [id, inode] : known_) inodes.push_back(inode);
  return inodes;
}

std::size_t MirrorInodes::size() const {
  const std::scoped_lock lock(mutex_);
  return known_.size();
}

}  // namespace pfcache::fuse
