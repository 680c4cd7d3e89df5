#include "fuse/private_tmpfs.hpp"

#include <sys/mount.h>

#include <utility>

namespace pfcache::fuse {
namespace {

bool set(int context, const char* key, const char* value) noexcept {
  return ::fsconfig(context, FSCONFIG_SET_STRING, key, value, 0) == 0;
}

}  // namespace

std::optional<UniqueFd> mount_private_tmpfs() noexcept {
  const UniqueFd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context) return std::nullopt;
  // 0 means without a limit. The hot store keeps its own.
  const bool is_ready = set(context.get(), "huge", "within_size") && set(context.get(), "size", "0") &&
                        set(context.get(), "nr_inodes", "0") && set(context.get(), "mode", "0700") &&
                        ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!is_ready) return std::nullopt;
  UniqueFd root(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
  if (!root) return std::nullopt;
  return root;
}

}  // namespace pfcache::fuse
