#include "fuse/warm_area.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "fuse/file_bytes.hpp"
#include "fuse/operations.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::fuse {
namespace {

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE
constexpr std::string_view kBest = "best";
constexpr std::string_view kBin = ".bin";
constexpr std::string_view kJson = ".json";

// The name of the inode of `best` while it leads to a file: no name that somebody could give. With another target it is
// another inode, since the kernel keeps the text of a symlink as long as it knows the inode.
constexpr std::string_view kBestInode = "best/";

[[noreturn]] void refuse(int errnum, const std::string& what) { throw Error::from_errno(errnum, what); }

std::optional<std::string_view> run_of(std::string_view name) {
  for (const std::string_view suffix : {kBin, kJson}) {
    if (!name.ends_with(suffix)) continue;
    const std::string_view run = name.substr(0, name.size() - suffix.size());
    if (is_valid_run(run)) return run;
  }
  return std::nullopt;
}

bool is_in_flight(std::string_view name) {
  return name.starts_with('.') || name.find(".tmp.") != std::string_view::npos;
}

bool is_best(const MirrorPlace& place) { return place.depth() == 2 && place.names[1] == kBest; }

// What gets the name of a payload must be one that can be kept; and it is on disk before it has it, so that no power
// failure leaves the name without the bytes.
void require_keepable(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, std::uint64_t budget_bytes) {
  const UniqueFd file = fs.writes.files.open_file(from, O_RDONLY);
  struct stat found {};
  if (::fstat(file.get(), &found) != 0) throw Error::from_last_errno(from.path());
  const std::uint64_t limit = std::min(kMaxWarmPayloadBytes, budget_bytes);
  if (static_cast<std::uint64_t>(found.st_size) > limit) {
    fs.log.tell(fmt::format("{}: {} bytes are above the limit of {}", to.path(), found.st_size, limit));
    refuse(EFBIG, to.path());
  }
  if (::fdatasync(file.get()) != 0) throw Error::from_last_errno(from.path());
}

// Reads no more of a file than its record says.
bool is_payload_of(const WarmRun& record, int fd) {
  constexpr std::size_t kPieceBytes = std::size_t{256} << 10;
  std::vector<std::byte> piece(kPieceBytes);
  Sha256 hash;
  for (std::uint64_t at = 0; at < record.payload_bytes; at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(piece.size(), record.payload_bytes - at));
    if (!read_at(fd, at, piece)) return false;
    hash.update(piece);
  }
  return hash.finish() == record.checksum;
}

}  // namespace

WarmArea::WarmArea(const std::filesystem::path& store, const WarmStartOptions& limits)
    : store_(WarmStartStore::open(store / "warm", limits)) {}

void WarmArea::require_makeable(const MirrorPlace& place, mode_t type) const {
  if (type == S_IFLNK || is_best(place)) refuse(EPERM, place.path());
  const bool is_directory = type == S_IFDIR;
  if (place.depth() == 1 && is_directory && Digest::try_parse(place.names[0])) return;
  if (place.depth() == 2 && !is_directory && (run_of(place.names[1]) || is_in_flight(place.names[1]))) return;
  refuse(EINVAL, fmt::format("'{}' is no part of a warm start", place.path()));
}

// Hidden are the library's own files beside the keys, and what nobody knows.
bool WarmArea::is_shown(const MirrorPlace& place) const {
  if (place.depth() == 1) return Digest::try_parse(place.names[0]).has_value();
  const std::string& name = place.names.back();
  return place.depth() == 2 && (name == kBest || run_of(name) || is_in_flight(name));
}

MirrorPlace WarmArea::resolve(FileSystem& /*fs*/, const MirrorPlace& place) {
  if (!is_best(place)) return place;
  const auto file = best_file(parent_of(place));
  return file ? parent_of(place).child(fmt::format("{}{}", kBestInode, *file)) : place;
}

void WarmArea::before_change(FileSystem& fs, fuse_req_t /*req*/, const MirrorPlace& directory) {
  if (directory.depth() == 0) fs.writes.files.make_root(directory.area);
}

void WarmArea::after_open(FileSystem& fs, const MirrorPlace& place, int fd) {
  const auto run = place.depth() == 2 && place.names[1].ends_with(kBin) ? run_of(place.names[1]) : std::nullopt;
  const auto record = run ? store_.find(Fingerprint::parse(place.names[0]), *run) : std::nullopt;
  if (!record) return;
  const FileStamp stamp = FileStamp::of(fd);
  if (verified_.has(record->checksum, stamp)) return;
  if (stamp.size_bytes != record->payload_bytes || !is_payload_of(*record, fd)) {
    fs.log.tell(fmt::format("{}: the payload is not what its record says", place.path()));
    refuse(EIO, place.path());
  }
  if (FileStamp::of(fd) == stamp) verified_.add(record->checksum, stamp);
}

// Written in place, as cp does it, or the second half of a pair by rename. An entry that is no whole one is nobody's
// failure here: its other half may be on the way.
void WarmArea::after_flush(FileSystem& fs, const MirrorPlace& place) {
  const auto run = place.depth() == 2 ? run_of(place.names[1]) : std::nullopt;
  if (!run) return;
  try {
    static_cast<void>(store_.adopt(Fingerprint::parse(place.names[0]), *run));
  } catch (const Error& error) {
    fs.log.tell(fmt::format("{} is not counted: {}", place.path(), error.what()));
  }
}

bool WarmArea::rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, to.path());
  require_makeable(to, to.depth() == 1 ? S_IFDIR : S_IFREG);
  if (from.depth() != to.depth() || is_best(from)) refuse(EPERM, to.path());
  const bool is_entry = to.depth() == 2 && run_of(to.names[1]);
  if (is_entry) require_keepable(fs, from, to, store_.options().size_budget_bytes);
  const bool is_moved = fs.writes.files.rename(from, to, flags);
  if (is_entry && ::fsync(fs.writes.files.open_directory(parent_of(to)).get()) != 0) {
    throw Error::from_last_errno(to.path());
  }
  after_flush(fs, to);
  return is_moved;
}

// gam's own clean-up removes the payload and its JSON, and `rm -r` of a key every name that was listed: `best` goes
// with what it leads to, so that its removal is a matter of course and nothing to be done.
void WarmArea::remove(FileSystem& fs, const MirrorPlace& place, int flags) {
  if (!is_best(place)) Area::remove(fs, place, flags);
}

std::optional<struct stat> WarmArea::find_apparition(FileSystem& fs, const MirrorPlace& place, std::uint64_t id) {
  if (place.depth() != 2 || !place.names[1].starts_with(kBestInode)) return std::nullopt;
  const auto target = fs.writes.files.find(parent_of(place).child(link_text(fs, place)));
  const struct stat no_file {};
  struct stat link = target.value_or(no_file);
  link.st_mode = S_IFLNK;
  link.st_nlink = 1;
  link.st_blocks = 0;
  link.st_size = static_cast<off_t>(link_text(fs, place).size());
  return fs.attributes.of_real(link, id);
}

// First, so that who removes what is listed in its order finds it still there.
void WarmArea::add_apparitions(FileSystem& /*fs*/, const MirrorPlace& directory, std::vector<AreaEntry>& entries) {
  if (directory.depth() != 1 || !best_file(directory)) return;
  std::erase_if(entries, [](const AreaEntry& entry) { return entry.name == kBest; });
  entries.insert(entries.begin(), {std::string(kBest), kUnknownId, S_IFLNK});
}

std::string WarmArea::link_text(FileSystem& fs, const MirrorPlace& place) {
  const std::string& name = place.names.back();
  return name.starts_with(kBestInode) ? name.substr(kBestInode.size()) : Area::link_text(fs, place);
}

std::optional<std::string> WarmArea::best_file(const MirrorPlace& directory) const {
  const auto key = Fingerprint::try_parse(directory.names[0]);
  const auto run = key ? store_.best_run(*key) : std::nullopt;
  return run ? std::optional(fmt::format("{}{}", *run, kBin)) : std::nullopt;
}

}  // namespace pfcache::fuse
