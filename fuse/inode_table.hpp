// The inodes that the kernel knows, by number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "fuse/node.hpp"
#include "fuse/record_table.hpp"

namespace pfcache::fuse {

/// Each answer that names an inode counts as one lookup; the kernel gives counts back when it forgets. Numbers are
/// content_id(), or the next free one when another content has it. / and /snap are always there. Thread-safe.
class InodeTable {
 public:
  /// The number of `node`, whose lookups are one more now.
  [[nodiscard]] std::uint64_t remember(const Node& node);

  /// The node with that number; nothing when the kernel has forgotten it.
  [[nodiscard]] std::optional<Node> find(std::uint64_t id) const;

  /// Takes `lookups` back. At 0 the number is free again.
  void forget(std::uint64_t id, std::uint64_t lookups);

  /// How many inodes there are besides / and /snap.
  [[nodiscard]] std::size_t size() const;

 private:
  // What records of one snapshot have in common, kept once: a record holds 4 bytes for it instead of a shared_ptr.
  struct Owner {
    SnapshotPtr snapshot;
    std::shared_ptr<const RefLink> ref;
    std::uint64_t records = 0;
  };

  [[nodiscard]] Node expand(const InodeRecord& record) const;
  [[nodiscard]] std::uint32_t take_owner(const Node& node);
  [[nodiscard]] Owner release_owner(std::uint32_t owner);

  mutable std::mutex mutex_;
  mutable RecordTable records_;                              // guarded by mutex_, as all below
  std::vector<Owner> owners_{1};                             // the first owns what needs none
  std::vector<std::uint32_t> free_owners_;                   // places in owners_
  std::unordered_map<const void*, std::uint32_t> owner_of_;  // by the address of what it holds
};

}  // namespace pfcache::fuse
