// What an inode stands for: a content.
//
// The same page in two snapshots is the same node, so its number and its time are computed from what it holds, never
// from where it was found. Below a snapshot everything is immutable.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "fuse/snapshot_cache.hpp"

namespace pfcache::fuse {

enum class NodeKind : std::uint8_t {
  root,       ///< /
  catalog,    ///< /snap
  ref,        ///< /snap/<name>, and /snap/sha256:<hex>
  snapshot,   ///< /snap/<hex>
  manifest,   ///< manifest.json
  pages,      ///< pages/
  keys,       ///< k/
  values,     ///< v/
  seqs,       ///< seqs/
  seq,        ///< seqs/<id>/
  page,       ///< pages/NNNN
  half,       ///< k/NNNN or v/NNNN
  position,   ///< seqs/<id>/NNNN
  info,       ///< /.pfcache
  info_file,  ///< /.pfcache/<name>
};

/// A name in /snap that is no directory: a symlink to one.
struct RefLink {
  std::string name;
  Digest target;
};

/// A plain value: a reference into what it is part of.
struct Node {
  NodeKind kind = NodeKind::root;
  /// page: its row. half: twice its row, and one more for V. seq: its row. position: the page's ix. info_file:
  /// its InfoFile. Else 0.
  std::uint32_t row = 0;
  SnapshotPtr snapshot;                ///< of everything below /snap/<hex> but positions, which say it all themselves
  std::shared_ptr<const RefLink> ref;  ///< of refs
};

/// The numbers of / (FUSE's own) and of the directories in it. Those of contents are above kLastFixedId; what is below
/// belongs, from kFirstMirrorId on, to files that can be written (mirror_inodes.hpp).
inline constexpr std::uint64_t kRootId = 1;
inline constexpr std::uint64_t kCatalogId = 2;
inline constexpr std::uint64_t kNewId = 3;
inline constexpr std::uint64_t kPromptId = 4;
inline constexpr std::uint64_t kWarmId = 5;
inline constexpr std::uint64_t kFirstMirrorId = 0x10000;
inline constexpr std::uint64_t kLastFixedId = 0xFFFFFFFF;

/// A number for the node's content, the same for the same content in every snapshot, store and version of this program:
/// file times are made from it, and rsync compares those. Different contents have the same one only by accident.
[[nodiscard]] std::uint64_t content_id(const Node& node) noexcept;

/// content_id() of nodes that a listing names without having loaded them.
[[nodiscard]] std::uint64_t snapshot_id(const Digest& digest) noexcept;
[[nodiscard]] std::uint64_t ref_id(const RefLink& ref) noexcept;

/// True when the two hold the same, whatever their content ids.
[[nodiscard]] bool have_same_content(const Node& a, const Node& b) noexcept;

/// S_IFDIR, S_IFREG or S_IFLNK.
[[nodiscard]] mode_t file_type_of(NodeKind kind) noexcept;

/// True for names and contents that can never change: everything but / and /snap. The files of /.pfcache pass for it:
/// what they say is new at each open.
[[nodiscard]] bool is_sealed(NodeKind kind) noexcept;

/// The digest of half a page. REQUIRES: node.kind is half.
[[nodiscard]] const Digest& half_digest(const Node& node) noexcept;

/// The page of a node of that kind.
[[nodiscard]] const PageEntry& page_of(const Node& node) noexcept;

/// How messages call it, e.g. `pages/0003`.
[[nodiscard]] std::string name_of(const Node& node);

}  // namespace pfcache::fuse
