// The command line of mount.pfcache.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pfcache::fuse {

/// Limits of what can be asked for.
inline constexpr unsigned kMaxThreads = 1024;

struct MountOptions {
  std::string store;
  std::string directory;
  bool show_help = false;
  bool show_version = false;
  bool is_fake = false;     ///< -f: check everything, mount nothing
  bool is_verbose = false;  ///< -v
  bool foreground = false;
  bool read_only = false;  ///< asked for; without it, too, nothing can be written
  bool allow_other = false;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  mode_t umask = 0;
  std::uint64_t hot_size_bytes = std::uint64_t{256} << 20;  ///< of decoded blobs kept in memory
  unsigned threads = 0;                                     ///< that answer the kernel; 0 = as many as suit the machine
  std::vector<std::string> kernel_flags;                    ///< nosuid, noexec, … as given
};

/// Reads `[-sfnv] [-o OPTIONS] STORE DIR`, in any order; `args` is without the program's name. After --help or
/// --version nothing is missed. Throws: Errc::invalid_argument naming the argument.
[[nodiscard]] MountOptions parse_mount_options(const std::vector<std::string_view>& args);

/// What --help prints.
[[nodiscard]] std::string_view usage() noexcept;

}  // namespace pfcache::fuse
