// Eight messages at once. Compiled with AVX2, and run only where the CPU has it.
#include "hash/sha256_rounds.hpp"

namespace pfcache {
namespace {

bool is_supported() noexcept { return __builtin_cpu_supports("avx2") != 0; }

}  // namespace

constinit const Sha256Kernel kSha256Avx2{"avx2", 8, &is_supported, &compress_lanes<8>};

}  // namespace pfcache
