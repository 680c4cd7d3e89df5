// The names under the mount, and what they lead to.
//
//   /snap/<64 hex>/{manifest.json, pages/NNNN, k/NNNN, v/NNNN, seqs/<id>/NNNN}, /snap/<ref>
//   /.pfcache/{metrics, stats.json, version}
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fuse/log.hpp"
#include "fuse/node.hpp"

namespace pfcache::fuse {

/// The text of a symlink. REQUIRES: node.kind is ref or position.
[[nodiscard]] std::string link_target(const Node& node);

/// One name in a sealed directory.
struct Child {
  std::string name;
  Node node;
};

/// One name in /snap. The snapshot it leads to is not loaded: listing a store doesn't read its manifests.
struct CatalogEntry {
  std::string name;
  std::uint64_t id = 0;
  mode_t type = 0;
};

/// Children of a directory whose contents are fixed, that is, of any but /snap, in a fixed order.
/// REQUIRES: dir.kind is a directory's and not catalog; index < child_count(dir).
[[nodiscard]] std::uint64_t child_count(const Node& dir) noexcept;
[[nodiscard]] Child child_at(const Node& dir, std::uint64_t index);

/// The number of the directory that holds `dir`.
[[nodiscard]] std::uint64_t parent_id(const Node& dir) noexcept;

/// Thread-safe.
class Tree {
 public:
  /// REQUIRES: `store` and `log` outlive this object.
  Tree(const Store& store, Log& log) : store_(store), log_(log), snapshots_(store) {}

  /// What `name` leads to in the directory `parent`; nothing when there is no such name or `parent` is no directory.
  /// Throws: EIO, with a line in the log, for a snapshot whose manifest can't be read; system errors.
  [[nodiscard]] std::optional<Node> find_child(const Node& parent, std::string_view name);

  /// All names in /snap at this moment: snapshots, then refs.
  [[nodiscard]] std::vector<CatalogEntry> list_catalog() const;

 private:
  [[nodiscard]] std::optional<Node> find_in_catalog(std::string_view name);
  [[nodiscard]] Node load_snapshot(const Digest& digest);

  const Store& store_;
  Log& log_;
  SnapshotCache snapshots_;
};

}  // namespace pfcache::fuse
