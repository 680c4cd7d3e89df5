#include "fuse/mount_checks.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {
namespace {

constexpr const char* kDevice = "/dev/fuse";
constexpr const char* kFuseConf = "/etc/fuse.conf";  // which fusermount3 has built in

void check_device() {
  const UniqueFd device(::open(kDevice, O_RDWR | O_CLOEXEC));
  if (!device) throw Error::from_last_errno(std::string(kDevice) + ", by which the kernel asks for files");
}

void check_others() {
  std::ifstream file(kFuseConf);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (allows_others(text)) return;
  throw Error(Errc::invalid_argument, std::string("option 'allow_other': for users other than root it takes a line "
                                                  "'user_allow_other' in ") +
                                          kFuseConf);
}

std::string_view trimmed(std::string_view line) noexcept {
  constexpr std::string_view kBlanks = " \t\r\f\v";
  line = line.substr(0, line.find('#'));
  const std::size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

}  // namespace

bool allows_others(std::string_view fuse_conf) noexcept {
  while (!fuse_conf.empty()) {
    const std::size_t end = std::min(fuse_conf.find('\n'), fuse_conf.size());
    if (trimmed(fuse_conf.substr(0, end)) == "user_allow_other") return true;
    fuse_conf.remove_prefix(std::min(end + 1, fuse_conf.size()));
  }
  return false;
}

void check_machine(const MountOptions& options) {
  check_device();
  if (options.allow_other && ::geteuid() != 0) check_others();
}

}  // namespace pfcache::fuse
