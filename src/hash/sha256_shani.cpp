// One message, with the SHA extensions of x86-64. Compiled with them, and run only where the CPU has them.
#include <immintrin.h>

#include "hash/sha256_rounds.hpp"

namespace pfcache {
namespace {

bool is_supported() noexcept {
  // __builtin_cpu_supports() of GCC 12 does not know "sha": leaf 7, EBX bit 29.
  unsigned eax = 7;
  unsigned ebx = 0;
  unsigned ecx = 0;
  unsigned edx = 0;
  asm("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (ebx >> 29 & 1) != 0 && __builtin_cpu_supports("sse4.1") != 0;
}

__m128i load128(const void* from) noexcept { return _mm_loadu_si128(static_cast<const __m128i*>(from)); }

// Four rounds, and the four schedule words that will be needed twelve rounds later in place of the four used here.
template <int kGroup>
[[gnu::always_inline]] inline void four_rounds(__m128i& abef, __m128i& cdgh, __m128i (&words)[4]) noexcept {
  __m128i& now = words[kGroup % 4];
  __m128i input = _mm_add_epi32(now, load128(&kRoundConstants[4 * kGroup]));
  cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
  input = _mm_shuffle_epi32(input, 0x0e);
  abef = _mm_sha256rnds2_epu32(abef, cdgh, input);
  if constexpr (kGroup < 12) {
    const __m128i previous = words[(kGroup + 3) % 4];
    now = _mm_sha256msg1_epu32(now, words[(kGroup + 1) % 4]);
    now = _mm_add_epi32(now, _mm_alignr_epi8(previous, words[(kGroup + 2) % 4], 4));
    now = _mm_sha256msg2_epu32(now, previous);
  }
}

template <int... kGroup>
[[gnu::always_inline]] inline void all_rounds(__m128i& abef, __m128i& cdgh, __m128i (&words)[4],
                                              Indices<kGroup...> /*groups*/) noexcept {
  (four_rounds<kGroup>(abef, cdgh, words), ...);
}

void compress(std::uint32_t* state, const std::byte* const* blocks, std::size_t count) noexcept {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  // The instructions want the words as a b e f and c d g h.
  const __m128i badc = _mm_shuffle_epi32(load128(state), 0xb1);
  const __m128i hgfe = _mm_shuffle_epi32(load128(state + 4), 0x1b);
  __m128i abef = _mm_alignr_epi8(badc, hgfe, 8);
  __m128i cdgh = _mm_blend_epi16(hgfe, badc, 0xf0);

  const std::byte* next = blocks[0];
  for (; count > 0; --count, next += kSha256BlockBytes) {
    __m128i words[4];
    for (int i = 0; i < 4; ++i) words[i] = _mm_shuffle_epi8(load128(next + 16 * i), big_endian);
    const __m128i abef_before = abef;
    const __m128i cdgh_before = cdgh;
    all_rounds(abef, cdgh, words, typename MakeIndices<16>::Type{});
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }

  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(state + 4), _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

constinit const Sha256Kernel kSha256ShaNi{"sha-ni", 1, &is_supported, &compress};

}  // namespace pfcache
