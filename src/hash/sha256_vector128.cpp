// Four messages at once, with what every CPU of the architecture has: SSE2 on x86-64, NEON on 64-bit ARM.
#include "hash/sha256_rounds.hpp"

namespace pfcache {
namespace {

bool is_supported() noexcept { return true; }

}  // namespace

constinit const Sha256Kernel kSha256Vector128{"vector128", 4, &is_supported, &compress_lanes<4>};

}  // namespace pfcache
