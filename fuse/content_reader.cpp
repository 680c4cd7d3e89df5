#include "fuse/content_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// What a file consists of, one after the other; `count` blobs of one size.
struct Layout {
  std::array<Digest, 2> digests;
  std::size_t count = 1;
  std::uint64_t blob_bytes = 0;
};

Layout layout_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::page: return {{page_of(node).k, page_of(node).v}, 2, node.snapshot->page_bytes()};
    case NodeKind::half: return {{half_digest(node), {}}, 1, node.snapshot->page_bytes()};
    default: return {{node.snapshot->digest(), {}}, 1, node.snapshot->manifest_bytes()};
  }
}

}  // namespace

FileRange ContentReader::read(const Node& node, std::uint64_t offset, std::uint64_t size_bytes) {
  const Layout layout = layout_of(node);
  const std::uint64_t end = offset + std::min(size_bytes, ~std::uint64_t{0} - offset);
  FileRange range;
  for (std::size_t i = 0; i < layout.count; ++i) {
    const std::uint64_t blob_start = i * layout.blob_bytes;
    const std::uint64_t from = std::max(offset, blob_start);
    const std::uint64_t to = std::min(end, blob_start + layout.blob_bytes);
    if (from >= to) continue;
    range.blobs.at(i) = get_blob(node, layout.digests.at(i), layout.blob_bytes);
    range.pieces.at(i) = range.blobs.at(i)->bytes().subspan(from - blob_start, to - from);
  }
  return range;
}

BlobPtr ContentReader::get_blob(const Node& node, const Digest& digest, std::uint64_t size_bytes) {
  try {
    return cache_.get(digest, size_bytes);
  } catch (const Error& error) {
    log_.tell_about(digest, fmt::format("blob {} of {} in snapshot {}: {}", digest.hex(), name_of(node),
                                        node.snapshot->digest().hex(), error.what()));
    throw Error::from_errno(EIO, "blob " + digest.hex());
  }
}

}  // namespace pfcache::fuse
