// The command line of mount.pfcache, and what it says.
//
// Plain values without shared state, for any thread.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/warm_start_store.hpp"

namespace pfcache::fuse {

/// Limits of what can be asked for.
inline constexpr unsigned kMaxThreads = 1024;

/// `none`: in memory, but only those that are being read.
enum class HotPlace : std::uint8_t { memory, directory, none };

/// Whether the kernel may read hot pages without asking the daemon.
enum class PassthroughUse : std::uint8_t { automatic, off, required };

/// When files are hashed that somebody else could have changed since: a blob's own file, a hot one in a directory.
enum class VerifyWhen : std::uint8_t {
  once,   ///< before this process gives them out for the first time, and whenever a blob's file was touched since
  always  ///< at every open
};

/// What all prompts together may take, and which goes first.
struct PromptLimits {
  std::uint64_t budget_bytes = kDefaultPromptBudgetBytes;
  EvictionPolicy policy = EvictionPolicy::value;
};

struct MountOptions {
  std::string store;
  std::string directory;
  bool show_help = false;
  bool show_version = false;
  bool is_fake = false;         ///< -f: check everything, mount nothing
  bool is_verbose = false;      ///< -v
  std::string mount_namespace;  ///< -N: where to mount, a file or a process's number; empty: here
  bool foreground = false;
  bool read_only = false;  ///< asked for; a store that can't be written is mounted so, too
  bool allow_other = false;
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  mode_t umask = 0;
  HotPlace hot = HotPlace::memory;              ///< where decoded pages are kept
  std::string hot_directory;                    ///< when it is one
  std::optional<std::uint64_t> hot_size_bytes;  ///< of them; none: what suits the place and the machine
  PassthroughUse passthrough = PassthroughUse::automatic;
  VerifyWhen verify = VerifyWhen::once;
  PromptLimits prompt_limits;
  WarmStartOptions warm_limits;
  unsigned threads = 0;                        ///< that answer the kernel; 0 = as many as suit the machine
  std::vector<std::string> kernel_flags;       ///< nosuid, noexec, … as given
  std::vector<std::string> security_contexts;  ///< context=…, … as given; only SELinux knows them
};

/// Reads `[-sfnv] [-N NAMESPACE] [-t TYPE] [-o OPTIONS] STORE DIR`, in any order; `args` is without the program's name.
/// What they don't say is as in `defaults`. After --help or --version nothing is missed.
/// Throws: Errc::invalid_argument naming the argument; Errc::unsupported for a remount, which says what to do instead.
[[nodiscard]] MountOptions parse_mount_options(const std::vector<std::string_view>& args, MountOptions defaults = {});

}  // namespace pfcache::fuse
