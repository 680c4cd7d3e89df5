#include "fuse/mount_namespace.hpp"

#include <fcntl.h>
#include <sched.h>

#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache::fuse {

void enter_mount_namespace(const std::string& name) {
  const bool is_process = name.find_first_not_of("0123456789") == std::string::npos;
  const std::string file = is_process ? "/proc/" + name + "/ns/mnt" : name;
  const UniqueFd space(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!space || ::setns(space.get(), CLONE_NEWNS) != 0) throw Error::from_last_errno("mount namespace " + name);
}

}  // namespace pfcache::fuse
