#include "fuse/area.hpp"

#include <cerrno>

#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {

void Area::remove(FileSystem& fs, const MirrorPlace& place, int flags) { fs.writes.files.remove(place, flags); }

void Area::materialize(FileSystem& /*fs*/, const MirrorPlace& place, bool /*with_bytes*/) {
  throw Error::from_errno(ENOENT, place.path());
}

std::string Area::link_text(FileSystem& /*fs*/, const MirrorPlace& place) {
  throw Error::from_errno(ENOENT, place.path());
}

Area& area_of(FileSystem& fs, const MirrorPlace& place) noexcept { return fs.writes.area(place.area); }

}  // namespace pfcache::fuse
