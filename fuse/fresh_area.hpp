// /new: snapshots being written, in STORE/staging/new.
#pragma once

#include <string_view>

#include "fuse/area.hpp"

namespace pfcache::fuse {

class FreshArea final : public Area {
 public:
  void require_makeable(const MirrorPlace& place, mode_t type) const override;
  [[nodiscard]] double entry_timeout(const MirrorPlace& place) const noexcept override;
  void make_directory(FileSystem& fs, const MirrorPlace& place) override;
  void link(FileSystem& fs, const LinkSource& source, const MirrorPlace& place) override;
  void after_close(FileSystem& fs, const MirrorPlace& place) override;
  void sync(FileSystem& fs, const MirrorPlace& directory) override;
  bool rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) override;
};

/// Has the kernel write to the real files what programs have written into mappings of files of /new/<name>.
void write_back_mappings(FileSystem& fs, std::string_view name);

}  // namespace pfcache::fuse
