#include "fuse/tree.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <utility>

#include "fuse/info_files.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::fuse {
namespace {

struct NamedKind {
  std::string_view name;
  NodeKind kind;
};

// Who copies them in this order into another mount has made all directories there before the last page seals it.
constexpr std::array<NamedKind, 5> kSnapshotChildren = {{{"manifest.json", NodeKind::manifest},
                                                         {"seqs", NodeKind::seqs},
                                                         {"k", NodeKind::keys},
                                                         {"v", NodeKind::values},
                                                         {"pages", NodeKind::pages}}};

constexpr std::array<NamedKind, 2> kRootChildren = {{{"snap", NodeKind::catalog}, {kInfoDirectory, NodeKind::info}}};

Node node_below(const Node& parent, NodeKind kind, std::uint32_t row = 0) {
  return {kind, row, parent.snapshot, nullptr};
}

Node position_node(PageIndex ix) { return {NodeKind::position, ix.value, nullptr, nullptr}; }

Node info_node(InfoFile file) { return {NodeKind::info_file, static_cast<std::uint32_t>(file), nullptr, nullptr}; }

Node ref_node(std::string_view name, const Digest& target) {
  return {NodeKind::ref, 0, nullptr, std::make_shared<const RefLink>(RefLink{std::string(name), target})};
}

const std::vector<PageIndex>& positions_of(const Node& seq) { return seq.snapshot->seqs()[seq.row].page_ixs; }

std::uint32_t half_row(NodeKind directory, std::uint32_t page_row) {
  return 2 * page_row + (directory == NodeKind::values ? 1 : 0);
}

std::optional<Node> find_in_snapshot(const Node& snapshot, std::string_view name) {
  for (const NamedKind& child : kSnapshotChildren) {
    if (child.name == name) return node_below(snapshot, child.kind);
  }
  return std::nullopt;
}

std::optional<Node> find_in_root(std::string_view name) {
  for (const NamedKind& child : kRootChildren) {
    if (child.name == name) return Node{child.kind, 0, nullptr, nullptr};
  }
  return std::nullopt;
}

std::optional<Node> find_page(const Node& dir, std::string_view name) {
  const std::optional<std::uint32_t> row = dir.snapshot->find_page(name);
  if (!row) return std::nullopt;
  if (dir.kind == NodeKind::pages) return node_below(dir, NodeKind::page, *row);
  return node_below(dir, NodeKind::half, half_row(dir.kind, *row));
}

std::optional<Node> find_seq(const Node& seqs, std::string_view name) {
  const std::optional<std::uint32_t> row = seqs.snapshot->find_seq(name);
  if (!row) return std::nullopt;
  return node_below(seqs, NodeKind::seq, *row);
}

std::optional<Node> find_info(std::string_view name) {
  const std::optional<InfoFile> file = find_info_file(name);
  if (!file) return std::nullopt;
  return info_node(*file);
}

std::optional<Node> find_position(const Node& seq, std::string_view name) {
  const std::optional<PageIndex> position = parse_page_file_name(name);
  if (!position || position->value >= positions_of(seq).size()) return std::nullopt;
  return position_node(positions_of(seq)[position->value]);
}

Child page_child(const Node& dir, std::uint32_t row) {
  const bool is_page = dir.kind == NodeKind::pages;
  return {page_file_name(dir.snapshot->pages()[row].ix),
          node_below(dir, is_page ? NodeKind::page : NodeKind::half, is_page ? row : half_row(dir.kind, row))};
}

}  // namespace

std::string link_target(const Node& node) {
  if (node.kind == NodeKind::ref) return node.ref->target.hex();
  return "../../pages/" + page_file_name(PageIndex{node.row});
}

std::uint64_t child_count(const Node& dir) noexcept {
  switch (dir.kind) {
    case NodeKind::root: return kRootChildren.size();  // and kRootAreas, which are other nodes
    case NodeKind::info: return kInfoFiles;
    case NodeKind::snapshot: return kSnapshotChildren.size();
    case NodeKind::pages:
    case NodeKind::keys:
    case NodeKind::values: return dir.snapshot->pages().size();
    case NodeKind::seqs: return dir.snapshot->seqs().size();
    case NodeKind::seq: return positions_of(dir).size();
    default: return 0;
  }
}

Child child_at(const Node& dir, std::uint64_t index) {
  const auto row = static_cast<std::uint32_t>(index);
  switch (dir.kind) {
    case NodeKind::snapshot:
      return {std::string(kSnapshotChildren.at(row).name), node_below(dir, kSnapshotChildren.at(row).kind)};
    case NodeKind::pages:
    case NodeKind::keys:
    case NodeKind::values: return page_child(dir, row);
    case NodeKind::seqs: return {dir.snapshot->seqs()[row].name, node_below(dir, NodeKind::seq, row)};
    case NodeKind::seq: return {page_file_name(PageIndex{row}), position_node(positions_of(dir)[row])};
    case NodeKind::info: {
      const auto file = static_cast<InfoFile>(index);
      return {std::string(name_of(file)), info_node(file)};
    }
    default: return {std::string(kRootChildren.at(row).name), Node{kRootChildren.at(row).kind, 0, nullptr, nullptr}};
  }
}

std::uint64_t parent_id(const Node& dir) noexcept {
  switch (dir.kind) {
    case NodeKind::root:
    case NodeKind::catalog:
    case NodeKind::info: return kRootId;
    case NodeKind::snapshot: return kCatalogId;
    case NodeKind::seq: return content_id(node_below(dir, NodeKind::seqs));
    default: return snapshot_id(dir.snapshot->digest());
  }
}

std::optional<Node> Tree::find_child(const Node& parent, std::string_view name) {
  switch (parent.kind) {
    case NodeKind::root: return find_in_root(name);
    case NodeKind::catalog: return find_in_catalog(name);
    case NodeKind::snapshot: return find_in_snapshot(parent, name);
    case NodeKind::pages:
    case NodeKind::keys:
    case NodeKind::values: return find_page(parent, name);
    case NodeKind::seqs: return find_seq(parent, name);
    case NodeKind::seq: return find_position(parent, name);
    case NodeKind::info: return find_info(name);
    default: return std::nullopt;
  }
}

// `sha256:<hex>` is a symlink and not the directory itself: a directory with two names would make the kernel move it
// from one to the other under whoever is in it.
std::optional<Node> Tree::find_in_catalog(std::string_view name) {
  if (const std::optional<Digest> digest = Digest::try_parse(name)) {
    if (!store_.has_snapshot(*digest)) return std::nullopt;
    return name.size() == Digest::kHexChars ? load_snapshot(*digest) : ref_node(name, *digest);
  }
  const std::optional<Digest> target = store_.catalog().ref(name);
  if (!target) return std::nullopt;
  return ref_node(name, *target);
}

Node Tree::load_snapshot(const Digest& digest) {
  try {
    return {NodeKind::snapshot, 0, snapshots_.get(digest), nullptr};
  } catch (const Error& error) {
    log_.tell_about(digest, fmt::format("snapshot {} can't be shown: {}", digest.hex(), error.what()));
    throw Error::from_errno(EIO, "snapshot " + digest.hex());
  }
}

std::vector<CatalogEntry> Tree::list_catalog() const {
  std::vector<CatalogEntry> entries;
  for (const Digest& digest : store_.catalog().snapshots()) {
    entries.push_back({digest.hex(), snapshot_id(digest), S_IFDIR});
  }
  for (Ref& ref : store_.catalog().refs()) {
    const std::uint64_t id = ref_id({ref.name, ref.digest});
    entries.push_back({std::move(ref.name), id, S_IFLNK});
  }
  return entries;
}

}  // namespace pfcache::fuse
