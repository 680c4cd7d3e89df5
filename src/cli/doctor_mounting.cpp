#include <fcntl.h>
#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "cli/finding.hpp"
#include "cli/machine_files.hpp"
#include "cli/session.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::cli {
namespace {

const std::vector<std::uint32_t> kPassthroughKernel = {6, 9, 0};

// Other users than root have no sbin in their $PATH.
constexpr std::array<const char*, 4> kMountHelpers = {"mount.pfcache", "/usr/sbin/mount.pfcache",
                                                      "/usr/local/sbin/mount.pfcache", "/sbin/mount.pfcache"};

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

std::string kernel_release(const Session& session) {
  return first_line(read_machine_file(session.root() / "proc/sys/kernel/osrelease"));
}

bool may_administrate(const Session& session) {
  return has_capability(read_machine_file(session.root() / "proc/self/status"), CAP_SYS_ADMIN);
}

Finding examine_kernel(const Session& session) {
  const std::string release = kernel_release(session);
  if (release.empty()) return {Verdict::warning, "kernel", "its version is not known", "mount -t proc proc /proc"};
  return {Verdict::ok, "kernel", release};
}

Finding examine_device(const Session& session) {
  const std::filesystem::path device = session.root() / "dev/fuse";
  const UniqueFd fd(::open(device.c_str(), O_RDWR | O_CLOEXEC));
  if (fd) return {Verdict::ok, "/dev/fuse", "can be opened"};
  if (errno == ENOENT || errno == ENODEV || errno == ENXIO) {
    return {Verdict::problem, "/dev/fuse", "there is none: nothing can be mounted",
            "modprobe fuse (in a container: run it with --device /dev/fuse)"};
  }
  return {Verdict::problem, "/dev/fuse", "you may not open it", "chmod 666 /dev/fuse"};
}

Finding examine_mount_helper(const Session& session) {
  for (const char* program : kMountHelpers) {
    if (const auto found = session.program_output({program, "--version"})) {
      return {Verdict::ok, "mount helper", first_line(*found)};
    }
  }
  return {Verdict::warning, "mount helper", "mount.pfcache is not found: nothing can be mounted",
          "install it, or put its directory into $PATH"};
}

Finding examine_fusermount(const Session& session) {
  const auto found = session.program_output({"fusermount3", "--version"});
  if (found) return {Verdict::ok, "fusermount3", first_line(*found)};
  return {Verdict::warning, "fusermount3", "is not found: only root can mount", "apt install fuse3"};
}

Finding examine_sharing(const Session& session) {
  const std::string text = read_machine_file(session.root() / "etc/fuse.conf");
  if (field_of(text, "user_allow_other")) {
    return {Verdict::ok, "fuse.conf", "you may let other users into your mounts"};
  }
  return {Verdict::warning, "fuse.conf", "you can't let other users into your mounts: allow_other is for root",
          "as root: echo user_allow_other >> /etc/fuse.conf"};
}

/// Why the kernel can't read pages of a mount by itself; empty when it can, as far as can be known without trying.
std::string obstacle_of(const Session& session) {
  const std::string release = kernel_release(session);
  if (version_numbers(release) < kPassthroughKernel) return fmt::format("kernel {} is older than 6.9", release);
  if (!may_administrate(session)) return "it takes CAP_SYS_ADMIN";
  if (session.any_config().text(Setting::mount_hot) == "none") return "mount.hot is none";
  return "";
}

/// A file on overlayfs is on two filesystems, and the kernel must be told to allow that.
std::string place_of_store(const Session& session) {
  const auto& store = session.any_config().value(Setting::store).text;
  struct statfs found {};
  if (!store || ::statfs(store->c_str(), &found) != 0) return "";
  return found.f_type == OVERLAYFS_SUPER_MAGIC ? "; the store is on overlayfs, which takes stack depth 2" : "";
}

Finding examine_passthrough(const Session& session) {
  const std::string& asked = session.any_config().text(Setting::mount_passthrough);
  if (asked == "off") return {Verdict::ok, "passthrough", "is turned off: mount.passthrough"};
  const std::string obstacle = obstacle_of(session);
  if (obstacle.empty()) return {Verdict::ok, "passthrough", "is possible" + place_of_store(session)};
  const Verdict verdict = asked == "require" ? Verdict::problem : Verdict::warning;
  const char* fix = may_administrate(session) ? "a later kernel; without it the daemon serves every read"
                                              : "mount as root; without it the daemon serves every read";
  return {verdict, "passthrough", "is not possible: " + obstacle, fix};
}

}  // namespace

void examine_mounting(const Session& session, Findings& findings) {
  findings.push_back(examine_kernel(session));
  findings.push_back(examine_device(session));
  findings.push_back(examine_mount_helper(session));
  if (!session.is_root()) {
    findings.push_back(examine_fusermount(session));
    findings.push_back(examine_sharing(session));
  }
  findings.push_back(
      {Verdict::ok, "capabilities", may_administrate(session) ? "CAP_SYS_ADMIN" : "without CAP_SYS_ADMIN"});
  findings.push_back(examine_passthrough(session));
}

}  // namespace pfcache::cli
