#include "fuse/contents.hpp"

#include <fmt/format.h>

#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache::fuse {

HotKey content_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::page: return {{page_of(node).k, page_of(node).v}, 2, node.snapshot->page_bytes()};
    case NodeKind::half: return {{half_digest(node), {}}, 1, node.snapshot->page_bytes()};
    default: return {{node.snapshot->digest(), {}}, 1, node.snapshot->manifest_bytes()};
  }
}

HotFilePtr Contents::get(const Node& node) {
  const HotKey key = content_of(node);
  try {
    return hot_.get(key);
  } catch (const Error& error) {
    // The message names the blob. What it is told about is remembered by the first one.
    log_.tell_about(key.digests[0],
                    fmt::format("{} in snapshot {}: {}", name_of(node), node.snapshot->digest().hex(), error.what()));
    throw Error::from_errno(EIO, name_of(node));
  }
}

}  // namespace pfcache::fuse
