// /prompt: the prompt cache, in STORE/prompt.
//
//   <40 hex>.kv   an entry; a recipe (<40 hex>.kvd in the store) appears as the whole file that it stands for
//
// An entry comes by the rename of a file in flight, which is checked first: what stands under an entry's name is one.
// Afterwards it is written in place, as engines do who count hits and append trailers: a recipe stays one by that, and
// becomes a whole file when it is written to elsewhere.
//
// Nothing here goes by passthrough. The daemon has to see each read, so that a payload is checked against its checksum
// before any of it is given out, and yet a program that reads the first 4 KiB of every file doesn't have the whole
// cache read; and each write, so that the checksum goes when the payload changes and stays when only the header does.
// Writers do direct I/O for the same reason: their writes come when they are made. What readers were given the kernel
// keeps from one open to the next, as long as nobody has touched the file.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "fuse/area.hpp"
#include "fuse/hot_file.hpp"
#include "fuse/mount_options.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/store.hpp"

namespace pfcache::fuse {

class PromptArea final : public Area {
 public:
  /// REQUIRES: `store` outlives this object.
  PromptArea(Store& store, const PromptLimits& limits) : store_(store), limits_(limits) {}

  void require_makeable(const MirrorPlace& place, mode_t type) const override;
  [[nodiscard]] bool is_shown(const MirrorPlace& place) const override;
  [[nodiscard]] bool is_open_to_others() const noexcept override { return true; }
  [[nodiscard]] bool sees_all() const noexcept override { return true; }
  void before_change(FileSystem& fs, fuse_req_t req, const MirrorPlace& directory) override;
  void before_truncation(FileSystem& fs, const MirrorPlace& place, std::uint64_t size_bytes) override;
  void before_read(FileSystem& fs, const MirrorPlace& place, int fd, std::uint64_t end) override;
  void change(FileSystem& fs, const MirrorPlace& place, int fd, const FileRange& range,
              const std::function<void()>& make) override;
  void after_close(FileSystem& fs, const MirrorPlace& place) override { after_flush(fs, place); }
  void after_flush(FileSystem& fs, const MirrorPlace& place) override;
  bool rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) override;
  void remove(FileSystem& fs, const MirrorPlace& place, int flags) override;

  [[nodiscard]] std::optional<struct stat> find_apparition(FileSystem& fs, const MirrorPlace& place,
                                                           std::uint64_t id) override;
  void add_apparitions(FileSystem& fs, const MirrorPlace& directory, std::vector<AreaEntry>& entries) override;
  [[nodiscard]] ApparitionPtr open_apparition(FileSystem& fs, const MirrorPlace& place) override;
  [[nodiscard]] std::shared_ptr<Apparition> open_writable_apparition(FileSystem& fs, const MirrorPlace& place) override;
  void materialize(FileSystem& fs, const MirrorPlace& place, bool with_bytes) override;
  [[nodiscard]] std::optional<std::string> attribute(FileSystem& fs, const MirrorPlace& place,
                                                     std::string_view name) override;

 private:
  [[nodiscard]] DiskKvCache& cache();
  [[nodiscard]] std::shared_ptr<Apparition> open_recipe(FileSystem& fs, const MirrorPlace& place,
                                                        const PromptLoadOptions& options);
  void adopt(FileSystem& fs, const PromptName& name);
  void require_fit(const MirrorPlace& place, std::uint64_t size_bytes) const;
  /// Of whoever changes an entry's payload, or reads it to make its checksum; before all other locks but an inode's.
  [[nodiscard]] std::mutex& payload_lock(const PromptName& name);
  [[nodiscard]] bool is_verified(int fd);
  void note_verified(int fd);
  void forget_verified(int fd);
  void note_changed(const std::string& name);

  Store& store_;
  const PromptLimits limits_;
  std::array<std::mutex, 16> payload_locks_;  // each for some of the keys
  std::mutex mutex_;
  std::unique_ptr<DiskKvCache> cache_;                     // guarded by mutex_, as all below; made when it is needed
  std::unordered_map<std::uint64_t, FileStamp> verified_;  // payloads, by the number of the real file
  std::set<std::string> changed_;                          // entries written in place, until they are closed
};

}  // namespace pfcache::fuse
