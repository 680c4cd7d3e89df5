// Capture and restore done the way pf-core 1.0 does them, to measure against: blob after blob on one thread, each
// hashed, compressed by a new streaming zstd encoder at level 19 that isn't told the size, written to a temporary file,
// synced and renamed; read back by a streaming decoder and hashed again. The SHA-256 is this library's, not pf-core's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "pfcache/digest.hpp"

namespace pfcache::bench {

class PfCoreWay {
 public:
  /// Keeps blobs below `root`, a directory that exists.
  explicit PfCoreWay(std::filesystem::path root) : root_(std::move(root)) {}

  Digest put(std::span<const std::byte> bytes);
  [[nodiscard]] std::vector<std::byte> get(const Digest& digest) const;

  /// Bytes of all files written so far.
  [[nodiscard]] std::uint64_t physical_bytes() const noexcept { return physical_bytes_; }

 private:
  [[nodiscard]] std::filesystem::path path_of(const Digest& digest) const;

  std::filesystem::path root_;
  std::uint64_t physical_bytes_ = 0;
};

}  // namespace pfcache::bench
