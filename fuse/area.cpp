#include "fuse/area.hpp"

#include <cerrno>

#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {

void Area::make_directory(FileSystem& fs, const MirrorPlace& place) { fs.writes.files.make_one_directory(place); }

void Area::link(FileSystem& /*fs*/, const LinkSource& /*source*/, const MirrorPlace& place) {
  throw Error::from_errno(EPERM, place.path());
}

void Area::remove(FileSystem& fs, const MirrorPlace& place, int flags) { fs.writes.files.remove(place, flags); }

void Area::materialize(FileSystem& /*fs*/, const MirrorPlace& place, bool /*with_bytes*/) {
  throw Error::from_errno(ENOENT, place.path());
}

std::string Area::link_text(FileSystem& /*fs*/, const MirrorPlace& place) {
  throw Error::from_errno(ENOENT, place.path());
}

Area& area_of(FileSystem& fs, const MirrorPlace& place) noexcept { return fs.writes.area(place.area); }

}  // namespace pfcache::fuse
