// Sixteen messages at once. Compiled with AVX-512 (F and BW), and run only where the CPU has it.
#include "hash/sha256_rounds.hpp"

namespace pfcache {
namespace {

bool is_supported() noexcept {
  return __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0;
}

}  // namespace

constinit const Sha256Kernel kSha256Avx512{"avx512", 16, &is_supported, &compress_lanes<16>};

}  // namespace pfcache
