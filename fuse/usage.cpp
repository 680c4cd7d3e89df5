#include "fuse/usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "fuse/option_table.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::string_view kBeforeOptions =
    R"(usage: mount.pfcache STORE DIR [-sfnv] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]

Shows a pfcache store as files: DIR/snap/<digest>/pages/NNNN and more. A
snapshot is written below DIR/new/NAME and committed by a rename,
`mv DIR/new/NAME DIR/snap/NAME`, or copied into DIR/snap/<digest>.
Goes to the background once it serves; ends when DIR is unmounted.

  -f             check everything, but don't mount
  -n             accepted, without effect
  -s             ignore options that are not known
  -v             say what is done
  -N NAMESPACE   mount in this mount namespace: a file, or a process's number
  -t TYPE        pfcache or fuse.pfcache, as mount(8) says it
  -o OPTIONS     a list with commas:
)";

constexpr std::string_view kAfterOptions = R"(    nodev, noexec, nosuid, noatime … as for every mount
  -h, --help     this text
  -V, --version  the version
)";

// Lines of help stand in a column of their own.
std::string explained(const MountOption& option) {
  std::string name(option.name);
  if (!option.value.empty()) name += fmt::format("={}", option.value);
  std::string text;
  std::string_view help = option.help;
  while (!help.empty()) {
    const std::size_t end = std::min(help.find('\n'), help.size());
    text += fmt::format("    {:<16}  {}\n", name, help.substr(0, end));
    help.remove_prefix(std::min(end + 1, help.size()));
    name.clear();
  }
  return text;
}

}  // namespace

std::string usage() {
  std::string text(kBeforeOptions);
  for (const MountOption& option : mount_option_table()) text += explained(option);
  return text.append(kAfterOptions);
}

}  // namespace pfcache::fuse
