#include "prompt/chunker.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace pfcache {
namespace {

/// 256 numbers without a pattern: SplitMix64 from 0.
constexpr std::array<std::uint64_t, 256> make_gear() {
  std::array<std::uint64_t, 256> gear{};
  std::uint64_t state = 0;
  for (std::uint64_t& number : gear) {
    state += 0x9E3779B97F4A7C15;
    std::uint64_t z = state;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    number = z ^ (z >> 31);
  }
  return gear;
}

constexpr auto kGear = make_gear();

/// The highest bits, which all of the last 64 bytes have a part in.
constexpr std::uint64_t high_bits(unsigned count) { return ~std::uint64_t{0} << (64 - count); }

// A cut is made harder before the average and easier behind it, so that sizes gather around it.
constexpr std::uint64_t kHardMask = high_bits(15);
constexpr std::uint64_t kEasyMask = high_bits(12);

}  // namespace

std::size_t first_chunk_bytes(std::span<const std::byte> bytes) noexcept {
  const std::size_t end = std::min(bytes.size(), kMaxChunkBytes);
  const std::size_t average = std::min(end, kAverageChunkBytes);
  std::uint64_t hash = 0;
  std::size_t at = std::min(end, kMinChunkBytes);
  const auto runs_to_cut = [&](std::size_t stop, std::uint64_t mask) {
    for (; at < stop; ++at) {
      hash = (hash << 1) + kGear[std::to_integer<std::size_t>(bytes[at])];
      if ((hash & mask) == 0) return true;
    }
    return false;
  };
  if (runs_to_cut(average, kHardMask) || runs_to_cut(end, kEasyMask)) return at + 1;
  return end;
}

}  // namespace pfcache
