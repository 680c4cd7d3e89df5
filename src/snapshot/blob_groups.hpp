// How many blobs a thread takes at once, so that they can be hashed side by side.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "base/parallel.hpp"

namespace pfcache {

/// Blobs for one thread: as many as fill the widest SIMD register twice over, unless that takes too much memory or
/// leaves other threads idle. At least 1.
[[nodiscard]] inline std::size_t blobs_in_group(std::size_t blobs, std::uint64_t blob_bytes,
                                                unsigned threads) noexcept {
  constexpr std::uint64_t kWanted = 32;
  constexpr std::uint64_t kMaxGroupBytes = std::uint64_t{32} << 20;
  const std::uint64_t fair_share = (blobs + thread_count(threads) - 1) / thread_count(threads);
  const std::uint64_t affordable = kMaxGroupBytes / std::max<std::uint64_t>(1, blob_bytes);
  return static_cast<std::size_t>(std::max<std::uint64_t>(1, std::min({kWanted, fair_share, affordable})));
}

/// Calls `work(first, count)` for groups of [0, blobs), on many threads as parallel_for does.
template <typename Work>
void parallel_groups(std::size_t blobs, std::uint64_t blob_bytes, unsigned threads, const std::stop_token& stop,
                     Work&& work) {
  const std::size_t each = blobs_in_group(blobs, blob_bytes, threads);
  parallel_for((blobs + each - 1) / each, threads, stop,
               [&](std::size_t group) { work(group * each, std::min(each, blobs - group * each)); });
}

}  // namespace pfcache
