#include "fuse/node.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <string_view>

#include "pfcache/page_files.hpp"

namespace pfcache::fuse {
namespace {

// Spreads every bit of `x` over all 64 (the finalizer of SplitMix64).
std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

// The numbers of the kinds are part of the ids: they stay as they are.
std::uint64_t make_id(NodeKind kind, std::uint64_t a, std::uint64_t b = 0, std::uint64_t c = 0) noexcept {
  std::uint64_t id = mix(static_cast<std::uint64_t>(kind) + 0x9E3779B97F4A7C15U);
  for (const std::uint64_t part : {a, b, c}) id = mix(id * 0x9E3779B97F4A7C15U + part);
  return id > kLastFixedId ? id : id + kLastFixedId + 1;
}

std::uint64_t text_hash(std::string_view text) noexcept {
  std::uint64_t hash = text.size();
  for (const char c : text) hash = mix(hash * 0x9E3779B97F4A7C15U + static_cast<unsigned char>(c));
  return hash;
}

}  // namespace

std::uint64_t snapshot_id(const Digest& digest) noexcept { return make_id(NodeKind::snapshot, digest.prefix64()); }

std::uint64_t ref_id(const RefLink& ref) noexcept {
  return make_id(NodeKind::ref, text_hash(ref.name), ref.target.prefix64());
}

std::uint64_t content_id(const Node& node) noexcept {
  switch (node.kind) {
    case NodeKind::root: return kRootId;
    case NodeKind::catalog: return kCatalogId;
    case NodeKind::ref: return ref_id(*node.ref);
    case NodeKind::snapshot: return snapshot_id(node.snapshot->digest());
    case NodeKind::manifest:
    case NodeKind::pages:
    case NodeKind::keys:
    case NodeKind::values:
    case NodeKind::seqs:
    case NodeKind::seq: return make_id(node.kind, node.snapshot->digest().prefix64(), node.row);
    case NodeKind::page: {
      const PageEntry& page = page_of(node);
      return make_id(node.kind, page.k.prefix64(), page.v.prefix64(), node.snapshot->page_bytes());
    }
    case NodeKind::half: return make_id(node.kind, half_digest(node).prefix64(), node.snapshot->page_bytes());
    case NodeKind::position:
    case NodeKind::info:
    case NodeKind::info_file: return make_id(node.kind, node.row);
  }
  return kRootId;
}

// The size counts as content: a manifest with a wrong geometry may name a good page's digests, and must not change the
// size of the inode that other snapshots share.
bool have_same_content(const Node& a, const Node& b) noexcept {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case NodeKind::root:
    case NodeKind::catalog:
    case NodeKind::info: return true;
    case NodeKind::ref: return a.ref->name == b.ref->name && a.ref->target == b.ref->target;
    case NodeKind::position:
    case NodeKind::info_file: return a.row == b.row;
    case NodeKind::page: {
      const PageEntry& page = page_of(a);
      const PageEntry& other = page_of(b);
      return page.k == other.k && page.v == other.v && a.snapshot->page_bytes() == b.snapshot->page_bytes();
    }
    case NodeKind::half:
      return half_digest(a) == half_digest(b) && a.snapshot->page_bytes() == b.snapshot->page_bytes();
    default: return a.row == b.row && a.snapshot->digest() == b.snapshot->digest();
  }
}

mode_t file_type_of(NodeKind kind) noexcept {
  switch (kind) {
    case NodeKind::manifest:
    case NodeKind::page:
    case NodeKind::half:
    case NodeKind::info_file: return S_IFREG;
    case NodeKind::ref:
    case NodeKind::position: return S_IFLNK;
    default: return S_IFDIR;
  }
}

bool is_sealed(NodeKind kind) noexcept { return kind != NodeKind::root && kind != NodeKind::catalog; }

const Digest& half_digest(const Node& node) noexcept {
  const PageEntry& page = page_of(node);
  return node.row % 2 == 0 ? page.k : page.v;
}

const PageEntry& page_of(const Node& node) noexcept {
  return node.snapshot->pages()[node.kind == NodeKind::half ? node.row / 2 : node.row];
}

std::string name_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::manifest: return "manifest.json";
    case NodeKind::page: return "pages/" + page_file_name(page_of(node).ix);
    case NodeKind::half: return (node.row % 2 == 0 ? "k/" : "v/") + page_file_name(page_of(node).ix);
    default: return fmt::format("inode {}", content_id(node));
  }
}

}  // namespace pfcache::fuse
