// The list of chunks in a recipe, its first eight bytes being the payload's length: it is refused, or written again it
// is the same. A sum that random bytes never have is put right first, so that what lies behind it is reached.
#include "prompt/recipe.hpp"

#include <algorithm>
#include <cstdlib>

#include "base/bytes.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace {

using namespace pfcache;

void check(std::uint64_t payload_bytes, std::span<const std::byte> bytes) {
  try {
    const auto chunks = decode_recipe(PromptKey(), payload_bytes, bytes, "input");
    if (!std::ranges::equal(encode_recipe(PromptKey(), chunks), bytes)) std::abort();
  } catch (const Error&) {
    // Refused: as good as any answer.
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 8 + Digest::kSizeBytes) return 0;
  const auto input = std::as_bytes(std::span(data, size));
  const auto payload_bytes = load_le<std::uint64_t>(input);
  std::vector<std::byte> bytes(input.begin() + 8, input.end());
  check(payload_bytes, bytes);

  Sha256 hash;
  hash.update(PromptKey().bytes());
  hash.update(input.first(8));
  hash.update(std::span(bytes).first(bytes.size() - Digest::kSizeBytes));
  const Digest sum = hash.finish();
  std::ranges::copy(sum.bytes(), bytes.end() - Digest::kSizeBytes);
  check(payload_bytes, bytes);
  return 0;
}
