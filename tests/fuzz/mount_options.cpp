// Command lines of mount.pfcache; arguments are separated by newlines.
#include "fuse/mount_options.hpp"

#include <cstdlib>
#include <string_view>
#include <vector>

#include "fuzz/driver.hpp"
#include "pfcache/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string_view> args;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    args.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  try {
    const pfcache::fuse::MountOptions options = pfcache::fuse::parse_mount_options(args);
    const bool is_complete = !options.store.empty() && !options.directory.empty();
    if (!is_complete && !options.show_help && !options.show_version) std::abort();
    if (options.threads > pfcache::fuse::kMaxThreads || options.umask > 0777) std::abort();
  } catch (const pfcache::Error& error) {
    if (error.code() != pfcache::Errc::invalid_argument) std::abort();
  }
  return 0;
}
