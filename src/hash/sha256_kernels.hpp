// Compressing blocks of several messages at once: what the machine-specific kernels offer to Sha256Many.
//
// SHA-256 is serial within a message, so one message leaves a SIMD unit idle; independent messages, one in each 32-bit
// lane, fill it. A kernel is one function compiled for one instruction set, and chosen at run time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace pfcache {

inline constexpr std::size_t kSha256BlockBytes = 64;
inline constexpr std::size_t kMaxSha256Lanes = 16;

/// The eight words of a message's state.
inline constexpr std::array<std::uint32_t, 8> kSha256InitialState = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                                                     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

struct Sha256Kernel {
  const char* name;
  std::size_t lanes;  ///< messages at once: 1, 4, 8 or 16
  bool (*is_supported)() noexcept;

  /// Compresses `count` consecutive blocks of each of `lanes` messages. `state` is 8 × lanes words, word-major (word w
  /// of lane l at w × lanes + l); `blocks[l]` is where lane l's blocks begin, without alignment.
  void (*compress)(std::uint32_t* state, const std::byte* const* blocks, std::size_t count) noexcept;
};

/// The kernels this library was built with; not all may run on this CPU.
extern const Sha256Kernel kSha256Avx512;     // x86-64
extern const Sha256Kernel kSha256Avx2;       // x86-64
extern const Sha256Kernel kSha256ShaNi;      // x86-64
extern const Sha256Kernel kSha256Vector128;  // everywhere

}  // namespace pfcache
