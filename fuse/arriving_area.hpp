// /snap/<64 hex> for those who bring a snapshot: STORE/staging/snap, with pages appearing that the store has.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "fuse/area.hpp"
#include "fuse/arrivals.hpp"
#include "fuse/node.hpp"

namespace pfcache::fuse {

/// An arriving snapshot's place taken apart.
struct ArrivingPlace {
  Digest digest;
  std::string subdirectory;  ///< `pages`, `seqs/x`; empty for the snapshot's own directory
  std::string name;          ///< of the file in it; empty for the directory itself

  [[nodiscard]] std::string path() const { return subdirectory.empty() ? name : subdirectory + "/" + name; }
};

/// REQUIRES: place.area is arriving, and depth() ≥ 1.
[[nodiscard]] ArrivingPlace arriving_place(const MirrorPlace& place);

[[nodiscard]] inline bool is_in_flight(std::string_view name) noexcept { return name.starts_with('.'); }

/// So is all that is below a directory of such a name: rsync --partial-dir and --delay-updates have one.
[[nodiscard]] inline bool is_in_flight(const ArrivingPlace& place) noexcept {
  return is_in_flight(place.name) || is_in_flight(place.subdirectory) ||
         place.subdirectory.find("/.") != std::string::npos;
}

class ArrivingArea final : public Area {
 public:
  void require_makeable(const MirrorPlace& place, mode_t type) const override;
  /// What the store takes goes from here, past the inodes.
  [[nodiscard]] bool is_open_to_others() const noexcept override { return true; }
  void require_link_text(FileSystem& fs, const MirrorPlace& place, std::string_view text) override;
  void before_change(FileSystem& fs, fuse_req_t req, const MirrorPlace& directory) override;
  void note_made(FileSystem& fs, const MirrorPlace& place) override;
  void after_flush(FileSystem& fs, const MirrorPlace& place) override;
  void link(FileSystem& fs, const LinkSource& source, const MirrorPlace& place) override;
  void sync(FileSystem& fs, const MirrorPlace& directory) override;
  bool rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) override;
  void remove(FileSystem& fs, const MirrorPlace& place, int flags) override;
  void amend_attributes(FileSystem& fs, const MirrorPlace& place, struct stat& attributes) override;

  [[nodiscard]] std::optional<struct stat> find_apparition(FileSystem& fs, const MirrorPlace& place,
                                                           std::uint64_t id) override;
  [[nodiscard]] bool hides_apparition(FileSystem& fs, fuse_req_t req, const MirrorPlace& place) override;
  void note_absent(FileSystem& fs, fuse_req_t req, const MirrorPlace& place) override;
  void add_apparitions(FileSystem& fs, const MirrorPlace& directory, std::vector<AreaEntry>& entries) override;
  [[nodiscard]] ApparitionPtr open_apparition(FileSystem& fs, const MirrorPlace& place) override;
  void materialize(FileSystem& fs, const MirrorPlace& place, bool with_bytes) override;
  [[nodiscard]] std::string link_text(FileSystem& fs, const MirrorPlace& place) override;
};

/// What the store has for a place without a file: of an arriving snapshot as much of the sealed one as can be shown.
[[nodiscard]] std::optional<Node> sealed_content(FileSystem& fs, const MirrorPlace& place);

/// The staging directory of what arrives, the caller being noted as one of those who bring it.
[[nodiscard]] ArrivalPtr arrival_of(FileSystem& fs, fuse_req_t req, const Digest& digest);

}  // namespace pfcache::fuse
