// A stored file of byte planes, decoded to a known size: nothing but an Error may come of it, and no byte may be
// written beside the place for the blob. What decodes must encode to something that decodes the same.
#include <cstdlib>
#include <vector>

#include "cas/planes_codec.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

constexpr std::uint64_t kLimitBytes = 64 << 10;

void require(bool holds) {
  if (!holds) std::abort();
}

void try_width(std::span<const std::byte> stored, std::size_t width) {
  try {
    const std::uint64_t size_bytes = pfcache::planes_plain_bytes(stored, width, "input");
    if (size_bytes > kLimitBytes) return;
    std::vector<std::byte> plain(size_bytes);  // of exactly this size, so that AddressSanitizer guards its ends
    pfcache::planes_decode_into(stored, width, plain, "input");
    std::vector<std::byte> again(size_bytes);
    pfcache::planes_decode_into(pfcache::planes_encode(plain, width), width, again, "again");
    require(again == plain);
  } catch (const pfcache::Error& error) {
    require(error.code() == pfcache::Errc::damaged);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const std::size_t width : {2U, 4U}) try_width(std::as_bytes(std::span(data, size)), width);
  return 0;
}
