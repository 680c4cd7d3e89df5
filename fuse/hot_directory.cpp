// Hot files in a directory, named by the digests of what they hold: 64 hex digits for one blob, 128 for K and V.
//
// A file gets its name when it is complete, so that other processes never see a part of one. It is not synced: waiting
// for a disk to swallow decoded pages would cost more than decoding them again. So after a crash a name may lead to
// zeros, and after anything else to whatever was made of the file; hence who did not write a file himself checks its
// digests once before he serves it. Measured for a page of 4 MiB on one CPU of a busy machine: decoding 11.6 ms,
// checking 6.9 ms, fsync 2.2 ms. Syncing is that cheap on a quick virtual disk only, would be paid in every cold
// restore instead of after a restart, and finds nothing of what happens to a file later.
//
// Any number of processes may share the directory. Two that make one file at once both go on with their own, one of
// which has the name; who evicts a file takes its name away from all, and those that have it open keep it. Each
// process bounds what it knows of: what was there when it started, and what it made or used since.
#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <tuple>
#include <utility>

#include "fuse/file_bytes.hpp"
#include "fuse/hot_backing.hpp"
#include "fuse/scratch_pool.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

std::string file_name_of(const HotKey& key) {
  std::string name;
  for (const Digest& digest : key.blobs()) name += digest.hex();
  return name;
}

// What a file of that name and size should hold; nothing for names that are not of a hot file.
std::optional<HotKey> parse_file_name(std::string_view name, std::uint64_t size_bytes) {
  HotKey key;
  key.blob_count = name.size() / Digest::kHexChars;
  if (name.size() % Digest::kHexChars != 0 || key.blob_count < 1 || key.blob_count > key.digests.size()) return {};
  for (std::size_t i = 0; i < key.blob_count; ++i) {
    const std::optional<Digest> digest = Digest::try_parse(name.substr(i * Digest::kHexChars, Digest::kHexChars));
    if (!digest) return {};
    key.digests.at(i) = *digest;
  }
  // A torn file may have any size. It gets a key that nobody asks for, and goes when its turn comes.
  key.blob_bytes = size_bytes / key.blob_count;
  return key;
}

struct CloseDir {
  void operator()(DIR* dir) const noexcept { ::closedir(dir); }
};

class HotDirectory final : public HotBacking {
 public:
  HotDirectory(const std::string& path, Log& log) : path_(path), log_(log) {
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot make");
    directory_ = UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) fail("cannot open");
    stack_depth_ = stack_depth_of(path);
  }

  UniqueFd make(const HotKey& key, std::span<const std::byte> bytes) override {
    UniqueFd file = make_sample();
    write_all(file.get(), bytes);
    if (::fchmod(file.get(), 0444) != 0) fail("cannot set permissions in");
    const std::string unnamed = fmt::format("/proc/self/fd/{}", file.get());
    const std::string name = file_name_of(key);
    // EEXIST: another process was faster. Its file holds the same, or will be found wrong and replaced.
    if (::linkat(AT_FDCWD, unnamed.c_str(), directory_.get(), name.c_str(), AT_SYMLINK_FOLLOW) != 0 &&
        errno != EEXIST) {
      fail("cannot name a file in");
    }
    return file;
  }

  std::optional<UniqueFd> find(const HotKey& key) override {
    const std::string name = file_name_of(key);
    UniqueFd file(::openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!file) return std::nullopt;
    if (is_right(key, file.get())) return file;
    log_.tell(fmt::format("hot file {}/{} does not hold what its name says; removed", path_, name));
    remove(key);
    return std::nullopt;
  }

  void remove(const HotKey& key) noexcept override {
    try {
      ::unlinkat(directory_.get(), file_name_of(key).c_str(), 0);
    } catch (...) {
      // No memory for a name: the file stays, as it would after a crash.
    }
  }

  std::vector<HotKey> list() override {
    std::vector<std::pair<struct timespec, HotKey>> found;
    for_each_name([&](const char* name) {
      struct stat file {};
      if (::fstatat(directory_.get(), name, &file, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(file.st_mode)) return;
      const auto key = parse_file_name(name, static_cast<std::uint64_t>(file.st_size));
      if (key) found.emplace_back(file.st_mtim, *key);
    });
    return by_age(std::move(found));
  }

  UniqueFd make_sample() override {
    UniqueFd file(::openat(directory_.get(), ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    if (!file) fail("cannot make a file without a name in");
    return file;
  }

  bool is_sealed() const noexcept override { return false; }
  unsigned stack_depth() const override { return stack_depth_; }
  std::string name() const override { return path_; }

 private:
  [[noreturn]] void fail(std::string_view what) const {
    throw Error::from_last_errno(fmt::format("{} hot directory {}", what, path_));
  }

  bool is_right(const HotKey& key, int file) {
    struct stat found {};
    if (::fstat(file, &found) != 0 || !S_ISREG(found.st_mode)) return false;
    if (static_cast<std::uint64_t>(found.st_size) != key.size_bytes()) return false;
    return scratch_.with(key.size_bytes(), [&](std::span<std::byte> bytes) {
      return read_at(file, 0, bytes) && has_digests(key, bytes);
    });
  }

  template <typename Visit>
  void for_each_name(Visit&& visit) const {
    const int again = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(again));
    if (dir == nullptr) fail("cannot list");
    while (const dirent* entry = ::readdir(dir.get())) visit(entry->d_name);
  }

  static std::vector<HotKey> by_age(std::vector<std::pair<struct timespec, HotKey>>&& found) {
    std::ranges::sort(found, {}, [](const auto& file) { return std::tuple(file.first.tv_sec, file.first.tv_nsec); });
    std::vector<HotKey> keys;
    keys.reserve(found.size());
    for (const auto& file : found) keys.push_back(file.second);
    return keys;
  }

  const std::string path_;
  Log& log_;
  UniqueFd directory_;
  unsigned stack_depth_ = 1;
  ScratchPool scratch_;
};

}  // namespace

unsigned stack_depth_of(const std::string& path) {
  struct statfs filesystem {};
  if (::statfs(path.c_str(), &filesystem) != 0) throw Error::from_last_errno("cannot look at " + path);
  return filesystem.f_type == OVERLAYFS_SUPER_MAGIC ? 2 : 1;
}

std::unique_ptr<HotBacking> make_hot_directory(const std::string& directory, Log& log) {
  auto backing = std::make_unique<HotDirectory>(directory, log);
  static_cast<void>(backing->make_sample());  // better told now than at the first page
  return backing;
}

}  // namespace pfcache::fuse
