// Texts like /proc/self/mountinfo.
#include "pfcache/mount_table.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "fuzz/driver.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto mounts = pfcache::parse_mount_table(text);
  const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  if (mounts.size() > lines) std::abort();
  for (const auto& mount : mounts) {
    if (mount.directory.empty() || mount.source.empty()) std::abort();
  }
  return 0;
}
