// The name of what a hot file holds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "pfcache/digest.hpp"

namespace pfcache::fuse {

/// One blob, or two of one size one after the other. The size belongs to the key: a manifest with a wrong geometry must
/// fail alone, and not together with a right one.
struct HotKey {
  std::array<Digest, 2> digests;
  std::size_t blob_count = 1;
  std::uint64_t blob_bytes = 0;

  [[nodiscard]] std::span<const Digest> blobs() const noexcept { return std::span(digests).first(blob_count); }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return blob_count * blob_bytes; }

  friend bool operator==(const HotKey&, const HotKey&) = default;
};

/// True when `bytes` are what `key` names. REQUIRES: key.size_bytes() bytes.
[[nodiscard]] bool has_digests(const HotKey& key, std::span<const std::byte> bytes);

struct HotKeyHash {
  std::size_t operator()(const HotKey& key) const noexcept {
    return key.digests[0].prefix64() + 3 * key.digests[1].prefix64() + key.size_bytes();
  }
};

}  // namespace pfcache::fuse
