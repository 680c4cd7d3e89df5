// A config.toml from anywhere: refused by an Error, or read, written, and read back the same.
#include <cstdlib>
#include <span>

#include "base/bytes.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"
#include "snapshot/store_config.hpp"

namespace {

using namespace pfcache;

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  try {
    const StoreConfig config = parse_config(text, "config.toml");
    const StoreConfig again = parse_config(to_toml(config), "config.toml");
    require(again.profile == config.profile && again.adopted == config.adopted);
    require(again.staging_keep == config.staging_keep);
  } catch (const Error& error) {
    require(error.code() == Errc::malformed || error.code() == Errc::unsupported);
  }
  return 0;
}
