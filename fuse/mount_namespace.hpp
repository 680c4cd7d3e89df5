// Mounting for others: in their mount namespace.
//
// It is the whole process that moves. Throws: system errors naming the namespace.
#pragma once

#include <string>

namespace pfcache::fuse {

/// Goes into the mount namespace `name`: a file as in /proc/PID/ns, or the number of a process that is in it. All paths
/// mean from then on what they mean there, and relative ones begin at its root. REQUIRES: this process has one thread.
void enter_mount_namespace(const std::string& name);

}  // namespace pfcache::fuse
