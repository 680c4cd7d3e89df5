#include "fuse/inode_table.hpp"

#include <algorithm>
#include <utility>

namespace pfcache::fuse {
namespace {

constexpr unsigned kKindBits = 8;

std::uint64_t lookups_of(const InodeRecord& record) { return record.lookups_and_kind >> kKindBits; }

NodeKind kind_of(const InodeRecord& record) { return static_cast<NodeKind>(record.lookups_and_kind & 0xFFU); }

std::uint64_t pack(std::uint64_t lookups, NodeKind kind) {
  return lookups << kKindBits | static_cast<std::uint64_t>(kind);
}

std::uint64_t next_id(std::uint64_t id) { return id + 1 > kLastFixedId ? id + 1 : kLastFixedId + 1; }

const void* owner_key(const Node& node) {
  if (node.kind == NodeKind::ref) return node.ref.get();
  return node.snapshot.get();
}

}  // namespace

std::uint64_t InodeTable::remember(const Node& node) {
  if (!is_sealed(node.kind)) return content_id(node);
  const std::lock_guard lock(mutex_);
  std::uint64_t id = content_id(node);
  // Another content may have the number. Should that one go later, this content may get a second number besides the one
  // found here: two inodes of the same bytes, which costs memory and nothing else.
  for (InodeRecord* record = records_.find(id); record != nullptr; record = records_.find(id)) {
    if (have_same_content(expand(*record), node)) {
      record->lookups_and_kind = pack(lookups_of(*record) + 1, node.kind);
      return id;
    }
    id = next_id(id);
  }
  records_.insert({id, pack(1, node.kind), take_owner(node), node.row});
  return id;
}

std::optional<Node> InodeTable::find(std::uint64_t id) const {
  if (id == kRootId) return Node{NodeKind::root, 0, nullptr, nullptr};
  if (id == kCatalogId) return Node{NodeKind::catalog, 0, nullptr, nullptr};
  const std::lock_guard lock(mutex_);
  const InodeRecord* record = records_.find(id);
  if (record == nullptr) return std::nullopt;
  return expand(*record);
}

void InodeTable::forget(std::uint64_t id, std::uint64_t lookups) {
  Owner released;  // a whole snapshot perhaps: let go after the lock
  const std::lock_guard lock(mutex_);
  InodeRecord* record = records_.find(id);
  if (record == nullptr) return;
  const std::uint64_t left = lookups_of(*record) - std::min(lookups, lookups_of(*record));
  record->lookups_and_kind = pack(left, kind_of(*record));
  if (left > 0) return;
  released = release_owner(record->owner);
  records_.erase(id);
}

std::size_t InodeTable::size() const {
  const std::lock_guard lock(mutex_);
  return records_.size();
}

Node InodeTable::expand(const InodeRecord& record) const {
  const Owner& owner = owners_[record.owner];
  return {kind_of(record), record.row, owner.snapshot, owner.ref};
}

std::uint32_t InodeTable::take_owner(const Node& node) {
  const void* key = owner_key(node);
  if (key == nullptr) return 0;
  if (free_owners_.empty()) {
    owners_.emplace_back();
    free_owners_.push_back(static_cast<std::uint32_t>(owners_.size() - 1));
  }
  const auto [found, is_new] = owner_of_.try_emplace(key, 0U);
  if (is_new) {
    found->second = free_owners_.back();
    free_owners_.pop_back();
    owners_[found->second] = {node.snapshot, node.ref, 0};
  }
  ++owners_[found->second].records;
  return found->second;
}

InodeTable::Owner InodeTable::release_owner(std::uint32_t owner) {
  if (owner == 0 || --owners_[owner].records > 0) return {};
  Owner released = std::exchange(owners_[owner], {});
  owner_of_.erase(released.ref != nullptr ? static_cast<const void*>(released.ref.get()) : released.snapshot.get());
  free_owners_.push_back(owner);
  return released;
}

}  // namespace pfcache::fuse
