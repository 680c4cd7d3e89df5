// A stored blob's bytes, decoded to a known and to an unknown size: what comes out is bounded, and the same both ways.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <optional>
#include <span>
#include <vector>

#include "cas/zstd_codec.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

constexpr std::uint64_t kLimitBytes = 64 << 10;
constexpr std::byte kGuard{0xA5};
constexpr std::size_t kGuardBytes = 64;

using Bytes = std::vector<std::byte>;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_code(const pfcache::Error& error, bool may_be_too_large) {
  require(error.code() == pfcache::Errc::damaged || (may_be_too_large && error.code() == pfcache::Errc::too_large));
}

std::optional<Bytes> decode(std::span<const std::byte> stored) {
  try {
    Bytes plain = pfcache::zstd_decode(stored, kLimitBytes, "input");
    require(plain.size() <= kLimitBytes);
    return plain;
  } catch (const pfcache::Error& error) {
    require_code(error, true);
    return std::nullopt;
  }
}

// Nothing but an Error may come of it, and not a byte may be written beside the place for the blob.
std::optional<Bytes> decode_into(std::span<const std::byte> stored, std::size_t size_bytes) {
  Bytes room(kGuardBytes + size_bytes + kGuardBytes, kGuard);
  const std::span<std::byte> out = std::span(room).subspan(kGuardBytes, size_bytes);
  bool decoded = true;
  try {
    pfcache::zstd_decode_into(stored, out, "input");
  } catch (const pfcache::Error& error) {
    require_code(error, false);
    decoded = false;
  }
  const auto is_guard = [](std::byte b) { return b == kGuard; };
  require(std::all_of(room.begin(), room.begin() + kGuardBytes, is_guard));
  require(std::all_of(room.end() - kGuardBytes, room.end(), is_guard));
  if (!decoded) return std::nullopt;
  return Bytes(out.begin(), out.end());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto stored = std::as_bytes(std::span(data, size));
  const auto plain = decode(stored);
  for (const std::size_t size_bytes : {std::size_t{0}, std::size_t{1}, std::size_t{128}, std::size_t{4096}}) {
    const auto exact = decode_into(stored, size_bytes);
    if (exact && plain) require(*exact == *plain);
  }
  if (plain) require(decode_into(stored, plain->size()) == plain);
  return 0;
}
