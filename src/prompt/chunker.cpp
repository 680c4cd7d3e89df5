#include "prompt/chunker.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "base/bytes.hpp"

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

/// As many zeros in a row end the small numbers that formats put before a tensor: its rows, its bytes, as 64 bits each.
constexpr std::size_t kNumberZeros = 5;

std::size_t rolled_chunk_bytes(std::span<const std::byte> bytes) noexcept {
  const std::size_t end = std::min(bytes.size(), kMaxChunkBytes);
  const std::size_t average = std::min(end, kAverageChunkBytes);
  std::uint64_t hash = 0;
  std::size_t at = std::min(end, kMinRolledChunkBytes);
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

/// Where the first run of kNumberZeros or more ends; at the end of `bytes` when none ends before.
std::size_t end_of_number(std::span<const std::byte> bytes) noexcept {
  const std::string_view text = as_text(bytes);
  std::size_t end = 0;
  while (true) {
    const std::size_t begin = text.find('\0', end);
    if (begin == std::string_view::npos) return text.size();
    end = std::min(text.find_first_not_of('\0', begin), text.size());
    if (end - begin >= kNumberZeros) return end;
  }
}

}  // namespace

std::size_t first_chunk_bytes(std::span<const std::byte> bytes) noexcept {
  const std::size_t rolled = rolled_chunk_bytes(bytes);
  const std::size_t number_end = end_of_number(bytes.first(rolled));
  return number_end < kMinChunkBytes ? rolled : number_end;
}

}  // namespace pfcache
