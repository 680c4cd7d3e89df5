#include "fuse/content_xattrs.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <unordered_set>
#include <vector>

#include "pfcache/blob_store.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::string_view kPrefix = "user.pfcache.";

// The blobs that a file is made of, in their order; none for what is no file.
std::vector<Digest> blobs_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::page: return {page_of(node).k, page_of(node).v};
    case NodeKind::half: return {half_digest(node)};
    case NodeKind::manifest: return {node.snapshot->digest()};
    default: return {};
  }
}

// All of a snapshot's, its manifest first, each once.
std::unordered_set<Digest> blobs_of_snapshot(const SnapshotView& snapshot) {
  std::unordered_set<Digest> blobs = {snapshot.digest()};
  for (const PageEntry& page : snapshot.pages()) {
    blobs.insert(page.k);
    blobs.insert(page.v);
  }
  return blobs;
}

std::unordered_set<Digest> distinct_blobs_of(const Node& node) {
  if (node.kind == NodeKind::snapshot) return blobs_of_snapshot(*node.snapshot);
  const std::vector<Digest> blobs = blobs_of(node);
  return {blobs.begin(), blobs.end()};
}

}  // namespace

const ContentXattrs::Attribute ContentXattrs::kAttributes[] = {
    {"digest", &ContentXattrs::digest},       {"k_digest", &ContentXattrs::k_digest},
    {"v_digest", &ContentXattrs::v_digest},   {"encoding", &ContentXattrs::encoding},
    {"snapshots", &ContentXattrs::snapshots}, {"stored_bytes", &ContentXattrs::stored_bytes},
};

std::optional<std::string> ContentXattrs::find(const Node& node, std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  for (const Attribute& attribute : kAttributes) {
    if (attribute.name == name) return (this->*attribute.text)(node);
  }
  return std::nullopt;
}

ContentXattrs::Text ContentXattrs::digest(const Node& node) {
  switch (node.kind) {
    case NodeKind::half: return half_digest(node).hex();
    case NodeKind::manifest:
    case NodeKind::snapshot: return node.snapshot->digest().hex();
    default: return std::nullopt;
  }
}

ContentXattrs::Text ContentXattrs::k_digest(const Node& node) {
  return node.kind == NodeKind::page ? Text(page_of(node).k.hex()) : std::nullopt;
}

ContentXattrs::Text ContentXattrs::v_digest(const Node& node) {
  return node.kind == NodeKind::page ? Text(page_of(node).v.hex()) : std::nullopt;
}

ContentXattrs::Text ContentXattrs::encoding(const Node& node) {
  Text names;
  for (const Digest& blob : blobs_of(node)) {
    const std::optional<BlobInfo> info = store_.blobs().find(blob);
    if (!info) return std::nullopt;
    const std::string_view name = name_of(info->encoding);
    names = names ? fmt::format("{},{}", *names, name) : std::string(name);
  }
  return names;
}

ContentXattrs::Text ContentXattrs::stored_bytes(const Node& node) {
  const std::unordered_set<Digest> blobs = distinct_blobs_of(node);
  if (blobs.empty()) return std::nullopt;
  std::uint64_t bytes = 0;
  for (const Digest& blob : blobs) {
    const std::optional<BlobInfo> info = store_.blobs().find(blob);
    if (!info) return std::nullopt;
    bytes += info->stored_bytes;
  }
  return std::to_string(bytes);
}

ContentXattrs::Text ContentXattrs::snapshots(const Node& node) {
  if (node.kind != NodeKind::page && node.kind != NodeKind::half) return std::nullopt;
  const std::optional<std::uint32_t> count = census_.snapshots_with(node);
  return count ? Text(std::to_string(*count)) : std::nullopt;
}

}  // namespace pfcache::fuse
