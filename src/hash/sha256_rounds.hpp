// SHA-256 over the lanes of a SIMD register, written once for every width with compiler vector extensions.
//
// Included by one .cpp for each instruction set, which the build compiles with that set's flags. Everything is in an
// unnamed namespace and nothing of the standard library is instantiated here: a function compiled for AVX-512 must
// never be the one copy the linker keeps for a CPU without it.
#pragma once

#include "hash/sha256_kernels.hpp"

namespace pfcache {
namespace {

constexpr std::uint32_t kRoundConstants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// A register of N words. Spelt out, because a vector type's size can't depend on a template argument in GCC 12.
template <std::size_t N>
struct Register;
template <>
struct Register<4> {
  using Words [[gnu::vector_size(16)]] = std::uint32_t;
  using Bytes [[gnu::vector_size(16)]] = std::uint8_t;
};
template <>
struct Register<8> {
  using Words [[gnu::vector_size(32)]] = std::uint32_t;
  using Bytes [[gnu::vector_size(32)]] = std::uint8_t;
};
template <>
struct Register<16> {
  using Words [[gnu::vector_size(64)]] = std::uint32_t;
  using Bytes [[gnu::vector_size(64)]] = std::uint8_t;
};
template <std::size_t N>
using Words = typename Register<N>::Words;

// std::index_sequence without the standard library.
template <int... I>
struct Indices {};
template <typename List>
struct IndicesOf;
template <int N, int... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <int... I>
struct MakeIndices<0, I...> {
  using Type = Indices<I...>;
};

template <std::size_t N>
[[gnu::always_inline]] inline Words<N> load(const void* from) noexcept {
  Words<N> value;
  __builtin_memcpy(&value, from, sizeof value);
  return value;
}

template <int kBits, typename V>
[[gnu::always_inline]] inline V rotate_right(V x) noexcept {
  return (x >> kBits) | (x << (32 - kBits));
}

// A function of three bits, by its table of truth. AVX-512 has each as one instruction, which GCC 12 does not find by
// itself; elsewhere `otherwise` computes it.
template <int kTable, typename V, typename Otherwise>
[[gnu::always_inline]] inline V ternary(V a, V b, V c, Otherwise otherwise) noexcept {
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64) {
    asm("vpternlogd %3, %2, %1, %0" : "+v"(a) : "v"(b), "v"(c), "i"(kTable));
    return a;
  }
#endif
  return otherwise(a, b, c);
}

template <typename V>
[[gnu::always_inline]] inline V xor3(V a, V b, V c) noexcept {
  return ternary<0x96>(a, b, c, [](V x, V y, V z) { return x ^ y ^ z; });
}

template <typename V>
[[gnu::always_inline]] inline V choose(V e, V f, V g) noexcept {
  return ternary<0xca>(e, f, g, [](V x, V y, V z) { return z ^ (x & (y ^ z)); });
}

template <typename V>
[[gnu::always_inline]] inline V majority(V a, V b, V c) noexcept {
  return ternary<0xe8>(a, b, c, [](V x, V y, V z) { return (x & y) | (z & (x | y)); });
}

template <std::size_t N, int... I>
[[gnu::always_inline]] inline Words<N> swap_bytes(Words<N> x, Indices<I...> /*bytes*/) noexcept {
  const auto bytes = reinterpret_cast<typename Register<N>::Bytes>(x);
  return reinterpret_cast<Words<N>>(__builtin_shufflevector(bytes, bytes, ((I & ~3) | (3 - (I & 3)))...));
}

// One step of the transposition: swaps the off-diagonal S × S squares of each 2S × 2S square, in two registers.
template <std::size_t N, int S, int... I>
[[gnu::always_inline]] inline void swap_squares(Words<N>& a, Words<N>& b, Indices<I...> /*lanes*/) noexcept {
  constexpr int kLanes = N;
  const Words<N> low = __builtin_shufflevector(a, b, ((I & S) != 0 ? kLanes + I - S : I)...);
  const Words<N> high = __builtin_shufflevector(a, b, ((I & S) != 0 ? kLanes + I : I + S)...);
  a = low;
  b = high;
}

template <std::size_t N, int S>
[[gnu::always_inline]] inline void transpose_step(Words<N>* rows) noexcept {
#pragma GCC unroll 16
  for (std::size_t i = 0; i < N; ++i) {
    if ((i & S) == 0) swap_squares<N, S>(rows[i], rows[i + S], typename MakeIndices<N>::Type{});
  }
}

// N rows of N words each, in place: row l word w becomes row w word l.
template <std::size_t N>
[[gnu::always_inline]] inline void transpose(Words<N>* rows) noexcept {
  if constexpr (N >= 16) transpose_step<N, 8>(rows);
  if constexpr (N >= 8) transpose_step<N, 4>(rows);
  transpose_step<N, 2>(rows);
  transpose_step<N, 1>(rows);
}

// Word w of all lanes' current blocks, for w = 0 … 15, as numbers.
template <std::size_t N>
[[gnu::always_inline]] inline void load_block(const std::byte* const* blocks, Words<N>* schedule) noexcept {
  for (std::size_t part = 0; part < 16 / N; ++part) {
    Words<N>* rows = schedule + part * N;
    for (std::size_t lane = 0; lane < N; ++lane) {
      rows[lane] = swap_bytes<N>(load<N>(blocks[lane] + part * sizeof(Words<N>)), typename MakeIndices<4 * N>::Type{});
    }
    transpose<N>(rows);
  }
}

template <std::size_t N>
[[gnu::always_inline]] inline Words<N> next_word(Words<N>* schedule, int t) noexcept {
  const Words<N> w15 = schedule[(t - 15) & 15];
  const Words<N> w2 = schedule[(t - 2) & 15];
  schedule[t & 15] += xor3(rotate_right<7>(w15), rotate_right<18>(w15), w15 >> 3) + schedule[(t - 7) & 15] +
                      xor3(rotate_right<17>(w2), rotate_right<19>(w2), w2 >> 10);
  return schedule[t & 15];
}

template <std::size_t N>
void compress_lanes(std::uint32_t* state, const std::byte* const* blocks, std::size_t count) noexcept {
  using V = Words<N>;
  V sums[8];
  for (std::size_t i = 0; i < 8; ++i) sums[i] = load<N>(state + i * N);
  const std::byte* next[N];
  for (std::size_t lane = 0; lane < N; ++lane) next[lane] = blocks[lane];

  for (; count > 0; --count) {
    V schedule[16];
    load_block<N>(next, schedule);
    for (std::size_t lane = 0; lane < N; ++lane) next[lane] += kSha256BlockBytes;

    V a = sums[0], b = sums[1], c = sums[2], d = sums[3], e = sums[4], f = sums[5], g = sums[6], h = sums[7];
#pragma GCC unroll 64
    for (int t = 0; t < 64; ++t) {
      const V word = t < 16 ? schedule[t] : next_word<N>(schedule, t);
      const V t1 = h + xor3(rotate_right<6>(e), rotate_right<11>(e), rotate_right<25>(e)) + choose(e, f, g) +
                   (word + kRoundConstants[t]);
      const V t2 = xor3(rotate_right<2>(a), rotate_right<13>(a), rotate_right<22>(a)) + majority(a, b, c);
      h = g;
      g = f;
      f = e;
      e = d + t1;
      d = c;
      c = b;
      b = a;
      a = t1 + t2;
    }
    sums[0] += a, sums[1] += b, sums[2] += c, sums[3] += d, sums[4] += e, sums[5] += f, sums[6] += g, sums[7] += h;
  }
  for (std::size_t i = 0; i < 8; ++i) __builtin_memcpy(state + i * N, &sums[i], sizeof(V));
}

}  // namespace
}  // namespace pfcache
