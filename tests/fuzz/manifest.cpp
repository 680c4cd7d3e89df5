// A manifest from anywhere: refused by an Error, or read, written canonically, and read back the same.
#include "pfcache/manifest.hpp"

#include <cstdlib>
#include <span>

#include "base/bytes.hpp"
#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

namespace {

using namespace pfcache;

void require(bool holds) {
  if (!holds) std::abort();
}

void require_code(const Error& error) { require(error.code() == Errc::malformed || error.code() == Errc::too_large); }

void check_manifest(PageManifest manifest) {
  const std::string json = manifest.to_json();
  require(manifest.effective_pages().size() <= manifest.pages.size());
  require(manifest.meta.page_bytes() <= kMaxPageBytes);
  static_cast<void>(manifest.problems());
  manifest.canonicalize();
  require(PageManifest::parse(json) == manifest);
  require(manifest.to_json() == json);
}

// Whatever is a manifest is also a draft that leaves out nothing.
bool is_complete_draft(std::string_view text) {
  try {
    return ManifestDraft::parse(text).is_complete();
  } catch (const Error& error) {
    require_code(error);
    return false;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = as_text(std::as_bytes(std::span(data, size)));
  bool is_manifest = false;
  try {
    check_manifest(PageManifest::parse(text));
    is_manifest = true;
  } catch (const Error& error) {
    require_code(error);
  }
  require(is_complete_draft(text) == is_manifest);
  return 0;
}
