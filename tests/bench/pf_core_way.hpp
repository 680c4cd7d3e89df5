// Capture and restore done the way pf-core 1.0 does them, to measure against: blob after blob on one thread, each
// hashed, compressed by a new streaming zstd encoder at level 19 that isn't told the size, written to a temporary file,
// synced and renamed; read back by a streaming decoder and hashed again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "pfcache/digest.hpp"

namespace pfcache::bench {

/// pf-core's own SHA-256 uses the CPU's SHA instructions where there are any.
enum class HashBy {
  portable,          ///< libsodium: what a CPU without SHA instructions does
  sha_instructions,  ///< this library's single stream, which has them where the CPU does
};

class PfCoreWay {
 public:
  /// Keeps blobs below `root`, a directory that exists and may hold some.
  PfCoreWay(std::filesystem::path root, HashBy hash) : root_(std::move(root)), hash_(hash) {}

  Digest put(std::span<const std::byte> bytes);
  [[nodiscard]] std::vector<std::byte> get(const Digest& digest) const;

  /// The digests of all blobs below the root.
  [[nodiscard]] std::vector<Digest> list() const;

  /// Bytes of all files written so far.
  [[nodiscard]] std::uint64_t physical_bytes() const noexcept { return physical_bytes_; }

 private:
  [[nodiscard]] std::filesystem::path path_of(const Digest& digest) const;
  [[nodiscard]] Digest hash(std::span<const std::byte> bytes) const;

  std::filesystem::path root_;
  HashBy hash_;
  std::uint64_t physical_bytes_ = 0;
};

}  // namespace pfcache::bench
