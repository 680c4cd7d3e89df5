#include "fuse/attributes.hpp"

#include <ctime>
#include <tuple>

#include "fuse/mirror_inodes.hpp"
#include "fuse/tree.hpp"

namespace pfcache::fuse {
namespace {

constexpr blksize_t kBlockSize = 4096;
constexpr std::uint64_t kStatBlockBytes = 512;  // the unit of st_blocks

// The time says which content it is: with the same 30 bits of its id everywhere, a comparison of sizes and times, such
// as rsync's, compares contents.
std::int64_t mtime_secs(const Node& node) { return static_cast<std::int64_t>(content_id(node) >> 34U); }

std::uint64_t file_size_bytes(const Node& node) {
  switch (node.kind) {
    case NodeKind::manifest: return node.snapshot->manifest_bytes();
    case NodeKind::page: return 2 * node.snapshot->page_bytes();
    case NodeKind::half: return node.snapshot->page_bytes();
    case NodeKind::ref:
    case NodeKind::position: return link_target(node).size();
    default: return 0;
  }
}

// k/ and v/ are other views of the bytes in pages/, so that du must not count them again. But one block they have: tar
// -S takes a file without any for one hole and would archive zeros.
std::uint64_t stat_blocks(const Node& node, std::uint64_t size_bytes) {
  switch (node.kind) {
    case NodeKind::manifest:
    case NodeKind::page: return (size_bytes + kStatBlockBytes - 1) / kStatBlockBytes;
    case NodeKind::half: return size_bytes == 0 ? 0 : 1;
    default: return 0;
  }
}

mode_t permissions(mode_t type) {
  if (type == S_IFLNK) return 0777;
  return type == S_IFDIR ? 0555 : 0444;
}

// How many names a node has is not known without reading all manifests. Two is what makes du, tar and rsync -H look for
// other names of a page. One is how a directory says that it doesn't count its subdirectories.
nlink_t link_count(const Node& node) {
  switch (node.kind) {
    case NodeKind::page:
    case NodeKind::half: return 2;
    case NodeKind::snapshot: return 2 + 4;
    case NodeKind::seqs: return 2 + node.snapshot->seqs().size();
    case NodeKind::pages:
    case NodeKind::keys:
    case NodeKind::values:
    case NodeKind::seq:
    case NodeKind::info: return 2;
    case NodeKind::root: return 2 + child_count(node) + kRootAreas.size();
    default: return 1;
  }
}

struct timespec time_now() {
  struct timespec now {};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return now;
}

}  // namespace

Attributes::Attributes(const Ownership& ownership, std::filesystem::path store, bool is_writable)
    : ownership_(ownership), store_(std::move(store)), is_writable_(is_writable), since_(time_now()) {}

struct stat Attributes::of(const Node& node, std::uint64_t id) const {
  const mode_t type = file_type_of(node.kind);
  const std::uint64_t size_bytes = file_size_bytes(node);
  struct stat attributes {};
  attributes.st_ino = id;
  attributes.st_mode = type | (type == S_IFLNK ? permissions(type) : permissions(type) & ~ownership_.umask);
  if (is_writable_ && node.kind == NodeKind::catalog) attributes.st_mode |= S_IWUSR & ~ownership_.umask;
  attributes.st_nlink = link_count(node);
  attributes.st_uid = ownership_.uid;
  attributes.st_gid = ownership_.gid;
  attributes.st_size = static_cast<off_t>(size_bytes);
  attributes.st_blksize = kBlockSize;
  attributes.st_blocks = static_cast<blkcnt_t>(stat_blocks(node, size_bytes));
  attributes.st_mtim = mtime_of(node);
  attributes.st_atim = attributes.st_mtim;
  attributes.st_ctim = attributes.st_mtim;
  return attributes;
}

struct stat Attributes::of_real(const struct stat& real, std::uint64_t id) const {
  constexpr mode_t kDirectoryMode = 0755;
  constexpr mode_t kFileMode = 0644;
  struct stat attributes = real;
  const mode_t type = real.st_mode & S_IFMT;
  attributes.st_ino = id;
  const mode_t rights = (type == S_IFDIR ? kDirectoryMode : kFileMode) & ~ownership_.umask;
  attributes.st_mode = type | (type == S_IFLNK ? permissions(type) : rights);
  attributes.st_uid = ownership_.uid;
  attributes.st_gid = ownership_.gid;
  attributes.st_blksize = kBlockSize;
  return attributes;
}

struct timespec Attributes::mtime_of(const Node& node) const noexcept {
  if (!is_sealed(node.kind)) return catalog_mtime();
  // What they say is of the moment they are opened, but tar fails when the time of a file changes while it reads.
  if (node.kind == NodeKind::info_file) return since_;
  return {mtime_secs(node), 0};
}

// /snap changes when a snapshot or a ref comes or goes, and whoever watches its time must notice.
struct timespec Attributes::catalog_mtime() const noexcept {
  struct timespec newest {};
  for (const char* name : {"snapshots", "refs"}) {
    struct stat directory {};
    if (::stat((store_ / name).c_str(), &directory) != 0) continue;
    const struct timespec& time = directory.st_mtim;
    if (std::tie(time.tv_sec, time.tv_nsec) > std::tie(newest.tv_sec, newest.tv_nsec)) newest = time;
  }
  return newest;
}

}  // namespace pfcache::fuse
