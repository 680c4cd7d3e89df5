#include "fuse/mount_point.hpp"

#include <fmt/format.h>
#include <spawn.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <utility>

#include "pfcache/error.hpp"
#include "pfcache/mount_table.hpp"

namespace pfcache::fuse {
namespace {

// Mounts that are taken away, one under the other, before something must be wrong.
constexpr int kMaxDeadMounts = 1024;

std::string about(const std::string& directory) { return "mount point " + directory; }

// The mount that shows on `directory` itself.
std::optional<MountEntry> top_mount_on(const std::string& directory) {
  std::vector<MountEntry> mounts = read_mount_table();
  const auto top = std::find_if(mounts.rbegin(), mounts.rend(),
                                [&](const MountEntry& mount) { return mount.directory == directory; });
  if (top == mounts.rend()) return std::nullopt;
  return std::move(*top);
}

// Whether nobody answers the kernel any more. Attributes may be known from before; how full it is the kernel always
// asks.
bool is_dead(const std::string& directory) {
  struct statfs unused {};
  return ::statfs(directory.c_str(), &unused) != 0 && (errno == ENOTCONN || errno == ECONNABORTED);
}

// Users may unmount what they mounted through fusermount3 alone.
bool unmount_as_user(const std::string& directory) {
  const std::array<const char*, 7> words = {"fusermount3", "-u", "-q", "-z", "--", directory.c_str(), nullptr};
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, words[0], nullptr, nullptr, const_cast<char* const*>(words.data()), environ);
  if (failure != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

// Who still has files of it open keeps them, dead as they are.
void take_away(const std::string& directory) {
  if (::umount2(directory.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) return;
  const int errnum = errno;
  if (errnum != EPERM || !unmount_as_user(directory)) {
    throw Error::from_errno(errnum, about(directory) + ": a mount whose daemon is gone can't be taken away");
  }
}

void check_directory(const std::string& directory) {
  std::error_code failure;
  const bool is_directory = std::filesystem::is_directory(directory, failure);
  if (failure) throw Error(failure, about(directory));
  if (!is_directory) throw Error(std::make_error_code(std::errc::not_a_directory), about(directory));
  // fusermount3 mounts for users where they may write.
  if (::geteuid() != 0 && ::access(directory.c_str(), W_OK) != 0) throw Error::from_last_errno(about(directory));
}

}  // namespace

std::string resolve_mount_point(const std::string& directory) {
  std::error_code failure;
  const std::filesystem::path resolved = std::filesystem::canonical(directory, failure);
  if (failure) throw Error(failure, about(directory));
  return resolved;
}

void prepare_mount_point(const std::string& directory, bool is_fake, Log& log) {
  for (int i = 0; i < kMaxDeadMounts; ++i) {
    const std::optional<MountEntry> mount = top_mount_on(directory);
    if (!mount || mount->type != kMountType) return check_directory(directory);
    if (!is_dead(directory)) {
      throw Error(Errc::busy,
                  fmt::format("{}: the store {} is mounted there already", about(directory), mount->source));
    }
    if (is_fake) return;
    take_away(directory);
    log.tell(
        fmt::format("{}: took away a mount of the store {}, whose daemon is gone", about(directory), mount->source));
  }
  throw Error(Errc::busy, about(directory) + ": too many mounts whose daemon is gone");
}

}  // namespace pfcache::fuse
