// /warm: warm starts, in STORE/warm.
//
//   <64 hex>/<run>.bin, <run>.json   as they are in the store; a pair is counted when its second half has come
//   <64 hex>/best                    a symlink to the best run's .bin, found anew each time somebody asks
//
// What is on its way there has a name of gam's (`….tmp.<pid>.<nonce>`), or begins with a dot.
//
// A payload is hashed when it is opened to be read, once for as long as nobody touches its file: what its JSON doesn't
// vouch for is damaged. One without a JSON is given out as it is. Afterwards the kernel may read it by passthrough.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "fuse/area.hpp"
#include "fuse/verified_blobs.hpp"
#include "pfcache/warm_start_store.hpp"

namespace pfcache::fuse {

class WarmArea final : public Area {
 public:
  WarmArea(const std::filesystem::path& store, const WarmStartOptions& limits);

  void require_makeable(const MirrorPlace& place, mode_t type) const override;
  [[nodiscard]] bool is_shown(const MirrorPlace& place) const override;
  [[nodiscard]] bool is_open_to_others() const noexcept override { return true; }
  [[nodiscard]] MirrorPlace resolve(FileSystem& fs, const MirrorPlace& place) override;
  void before_change(FileSystem& fs, fuse_req_t req, const MirrorPlace& directory) override;
  void after_open(FileSystem& fs, const MirrorPlace& place, int fd) override;
  void after_flush(FileSystem& fs, const MirrorPlace& place) override;
  bool rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) override;
  void remove(FileSystem& fs, const MirrorPlace& place, int flags) override;

  [[nodiscard]] std::optional<struct stat> find_apparition(FileSystem& fs, const MirrorPlace& place,
                                                           std::uint64_t id) override;
  void add_apparitions(FileSystem& fs, const MirrorPlace& directory, std::vector<AreaEntry>& entries) override;
  [[nodiscard]] std::string link_text(FileSystem& fs, const MirrorPlace& place) override;

 private:
  [[nodiscard]] std::optional<std::string> best_file(const MirrorPlace& directory) const;

  WarmStartStore store_;
  VerifiedBlobs verified_;
};

}  // namespace pfcache::fuse
