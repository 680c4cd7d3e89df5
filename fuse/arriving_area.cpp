#include "fuse/arriving_area.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <set>
#include <utility>

#include "fuse/file_bytes.hpp"
#include "fuse/operations.hpp"
#include "pfcache/error.hpp"
#include "pfcache/page_files.hpp"

namespace pfcache::fuse {
namespace {

constexpr unsigned kNoReplace = 1;  // RENAME_NOREPLACE

[[noreturn]] void refuse(int errnum, const std::string& what) { throw Error::from_errno(errnum, what); }

// A content from the hot store.
class HotApparition final : public Apparition {
 public:
  explicit HotApparition(HotFilePtr file) : file_(std::move(file)) {}

  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return file_->size_bytes(); }
  void read(std::uint64_t offset, std::span<std::byte> out) const override {
    if (!read_at(file_->fd(), offset, out)) refuse(EIO, "a hot file is too short");
  }

 private:
  HotFilePtr file_;
};

// Makes a real file of a content.
void copy_content(FileSystem& fs, const std::optional<Node>& node, const MirrorPlace& place) {
  if (!node || file_type_of(node->kind) != S_IFREG) refuse(ENOENT, place.path());
  const HotFilePtr hot = fs.contents.get(*node);
  const UniqueFd fd = fs.writes.files.open_file(place, O_RDWR | O_CREAT);
  fs.scratch.with(hot->size_bytes(), [&](std::span<std::byte> bytes) {
    if (!read_at(hot->fd(), 0, bytes)) refuse(EIO, place.path());
    write_all(fd.get(), bytes);
  });
}

// True for names of the symlinks of sequences.
bool is_link_name(const ArrivingPlace& where) noexcept { return where.subdirectory.starts_with("seqs/"); }

// The page that a sequence has at a position; nothing when `where` is none.
std::optional<PageIndex> page_in_sequence(const SnapshotView& view, const ArrivingPlace& where) {
  constexpr std::string_view kSeqs = "seqs/";
  const auto row = view.find_seq(std::string_view(where.subdirectory).substr(kSeqs.size()));
  const auto position = parse_page_file_name(where.name);
  if (!row || !position) return std::nullopt;
  const auto& pages = view.seqs()[*row].page_ixs;
  if (position->value >= pages.size()) return std::nullopt;
  return pages[position->value];
}

// The node at a place below a snapshot, whether or not the store has its bytes.
std::optional<Node> node_at(FileSystem& fs, const SnapshotPtr& view, const MirrorPlace& place) {
  std::optional<Node> node = Node{NodeKind::snapshot, 0, view, nullptr};
  for (std::size_t i = 1; i < place.depth() && node; ++i) node = fs.tree.find_child(*node, place.names[i]);
  return node;
}

// Checks what came under its final name, and takes it.
void take(FileSystem& fs, Arrival& arrival, const MirrorPlace& place, const ArrivingPlace& where) {
  if (!is_link_name(where)) return arrival.snapshot().take(where.subdirectory, where.name, where.name);
  const SnapshotPtr view = arrival.view();
  const auto found = fs.writes.files.find(place);
  // tar makes an empty file first, and a symlink of it when it has unpacked everything.
  if (!view || (found && found->st_size == 0)) return;
  const auto page = page_in_sequence(*view, where);
  if (!page) throw Error(Errc::malformed, where.path() + " is not in the snapshot's sequences");
  arrival.snapshot().check_copy(where.subdirectory, where.name, *page);
}

// A page that appeared by itself is in nobody's way any more; it comes back with the next file of that name.
bool hide_content(FileSystem& fs, const MirrorPlace& place) {
  const auto node = sealed_content(fs, place);
  if (!node || file_type_of(node->kind) == S_IFDIR) return false;
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  if (arrival) arrival->hide(where.path());
  return arrival != nullptr;
}

}  // namespace

void ArrivingArea::require_makeable(const MirrorPlace& place, mode_t type) const {
  const ArrivingPlace where = arriving_place(place);
  if (is_in_flight(where)) return;
  if (where.subdirectory.empty()) {
    const bool is_directory = where.name == "pages" || where.name == "k" || where.name == "v" || where.name == "seqs";
    if (type == S_IFDIR ? is_directory : where.name == "manifest.json") return;
  } else if (where.subdirectory == "seqs") {
    if (type == S_IFDIR) return;
  } else if (is_link_name(where)) {
    if (type != S_IFDIR && parse_page_file_name(where.name)) return;
  } else if (type == S_IFREG && parse_page_file_name(where.name)) {
    return;
  }
  refuse(EINVAL, fmt::format("'{}' is no part of a snapshot", where.path()));
}

// Nothing is known of what it must be before the manifest has come.
void ArrivingArea::require_link_text(FileSystem& fs, const MirrorPlace& place, std::string_view text) {
  const ArrivingPlace where = arriving_place(place);
  if (!is_link_name(where)) refuse(EINVAL, "a symlink belongs into seqs/<id>/");
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  const SnapshotPtr view = arrival ? arrival->view() : nullptr;
  if (!view || is_in_flight(where)) return;
  const auto page = page_in_sequence(*view, where);
  if (page && text == "../../pages/" + page_file_name(*page)) return;
  fs.log.tell(fmt::format("{} of snapshot {} leads to '{}', not to where its manifest says", where.path(),
                          where.digest.hex(), text));
  refuse(EBADMSG, where.path());
}

void ArrivingArea::before_change(FileSystem& fs, fuse_req_t req, const MirrorPlace& directory) {
  static_cast<void>(arrival_of(fs, req, arriving_place(directory).digest));
  static_cast<void>(fs.writes.files.make_directory(directory));
}

void ArrivingArea::note_made(FileSystem& fs, const MirrorPlace& place) {
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  if (!arrival || is_in_flight(where)) return;
  arrival->note_made(where.path());
  // With pages/ nothing more is needed when the store has all of them.
  if (where.path() == "pages") arrival->snapshot().sync();
}

void ArrivingArea::after_flush(FileSystem& fs, const MirrorPlace& place) {
  if (place.depth() < 2) return;
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  if (!arrival || is_in_flight(where)) return;
  try {
    take(fs, *arrival, place, where);
  } catch (const Error& error) {
    fs.log.tell(error.what());
    throw;
  }
}

// rsync -H makes pages of one content links of each other.
void ArrivingArea::link(FileSystem& fs, const LinkSource& source, const MirrorPlace& place) {
  if (source.place && fs.writes.files.find(*source.place)) {
    fs.writes.files.link(*source.place, place);
    return after_flush(fs, place);
  }
  const bool arrives = source.place && source.place->area == place.area;
  const auto content = arrives ? sealed_content(fs, *source.place) : source.sealed;
  if (!content) refuse(EPERM, place.path());
  const auto there = sealed_content(fs, place);
  if (there && have_same_content(*content, *there)) return;
  copy_content(fs, content, place);
  after_flush(fs, place);
}

void ArrivingArea::sync(FileSystem& fs, const MirrorPlace& directory) {
  if (directory.depth() == 0 || !fs.writes.is_writable) return;
  if (const auto arrival = fs.writes.arrivals.find_known(arriving_place(directory).digest)) arrival->snapshot().sync();
}

bool ArrivingArea::rename(FileSystem& fs, const MirrorPlace& from, const MirrorPlace& to, unsigned flags) {
  if (from.names[0] != to.names[0]) refuse(EXDEV, to.path());
  if ((flags & ~kNoReplace) != 0) refuse(EINVAL, to.path());
  const ArrivingPlace source = arriving_place(from);
  const ArrivingPlace dest = arriving_place(to);
  require_makeable(to, S_IFREG);
  if (is_in_flight(dest) || is_link_name(dest) || source.subdirectory != dest.subdirectory) {
    static_cast<void>(fs.writes.files.rename(from, to, flags));
    note_made(fs, to);
    const auto moved = fs.writes.files.find(to);
    if (moved && !S_ISLNK(moved->st_mode)) after_flush(fs, to);
    return true;
  }
  const ArrivalPtr arrival = fs.writes.arrivals.find(dest.digest);
  if (!arrival) refuse(ENOENT, to.path());
  try {
    arrival->snapshot().take(dest.subdirectory, source.name, dest.name);
    note_made(fs, to);
  } catch (const Error& error) {
    fs.log.tell(error.what());
    throw;
  }
  return true;
}

void ArrivingArea::remove(FileSystem& fs, const MirrorPlace& place, int flags) {
  const bool is_directory = (flags & AT_REMOVEDIR) != 0;
  try {
    fs.writes.files.remove(place, flags);
    if (!is_directory) static_cast<void>(hide_content(fs, place));
  } catch (const Error& error) {
    if (error.code() != std::errc::no_such_file_or_directory || is_directory || !hide_content(fs, place)) throw;
  }
}

// The time of a file that arrives must not be that of its source by accident: rsync would take it for the same. Those
// of contents, and so of pages that appear by themselves, are what is compared.
void ArrivingArea::amend_attributes(FileSystem& fs, const MirrorPlace& place, struct stat& attributes) {
  if (!S_ISREG(attributes.st_mode)) return;
  const auto node = place.depth() == 2 ? sealed_content(fs, place) : std::nullopt;  // the manifest, once it is right
  attributes.st_mtim = node ? fs.attributes.of(*node, attributes.st_ino).st_mtim : timespec{};
}

std::optional<struct stat> ArrivingArea::find_apparition(FileSystem& fs, const MirrorPlace& place,
                                                         std::uint64_t /*id*/) {
  const auto node = sealed_content(fs, place);
  // One number for one content, so that rsync -H sees that two names are links already.
  return node ? std::optional(fs.attributes.of(*node, content_id(*node))) : std::nullopt;
}

bool ArrivingArea::hides_apparition(FileSystem& fs, fuse_req_t req, const MirrorPlace& place) {
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  return arrival && arrival->hides(fuse_req_ctx(req)->pid, where.path());
}

void ArrivingArea::note_absent(FileSystem& fs, fuse_req_t req, const MirrorPlace& place) {
  const ArrivingPlace where = arriving_place(place);
  if (!is_link_name(where) || is_in_flight(where)) return;
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  if (arrival) arrival->note_absent(fuse_req_ctx(req)->pid, where.path());
}

void ArrivingArea::add_apparitions(FileSystem& fs, const MirrorPlace& directory, std::vector<AreaEntry>& entries) {
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(arriving_place(directory).digest);
  const SnapshotPtr view = arrival ? arrival->view() : nullptr;
  if (!view) return;
  const std::optional<Node> node = node_at(fs, view, directory);
  if (!node || file_type_of(node->kind) != S_IFDIR) return;
  std::set<std::string> present;
  for (const AreaEntry& entry : entries) present.insert(entry.name);
  for (std::uint64_t i = 0; i < child_count(*node); ++i) {
    Child child = child_at(*node, i);
    if (present.contains(child.name) || !sealed_content(fs, directory.child(child.name))) continue;
    entries.push_back({std::move(child.name), content_id(child.node), file_type_of(child.node.kind)});
  }
}

ApparitionPtr ArrivingArea::open_apparition(FileSystem& fs, const MirrorPlace& place) {
  const auto node = sealed_content(fs, place);
  return node ? std::make_shared<HotApparition>(fs.contents.get(*node)) : nullptr;
}

void ArrivingArea::materialize(FileSystem& fs, const MirrorPlace& place, bool with_bytes) {
  const auto node = sealed_content(fs, place);
  if (!node || file_type_of(node->kind) != S_IFREG) refuse(ENOENT, place.path());
  static_cast<void>(fs.writes.files.make_directory(parent_of(place)));
  if (with_bytes) return copy_content(fs, node, place);
  static_cast<void>(fs.writes.files.open_file(place, O_RDWR | O_CREAT));
}

std::string ArrivingArea::link_text(FileSystem& fs, const MirrorPlace& place) {
  const auto node = sealed_content(fs, place);
  if (!node || file_type_of(node->kind) != S_IFLNK) refuse(ENOENT, place.path());
  return link_target(*node);
}

ArrivingPlace arriving_place(const MirrorPlace& place) {
  ArrivingPlace result{Digest::parse(place.names[0]), "", ""};
  if (place.depth() < 2) return result;
  result.subdirectory = place.subdirectory();
  result.name = place.names.back();
  return result;
}

std::optional<Node> sealed_content(FileSystem& fs, const MirrorPlace& place) {
  if (place.depth() == 0) return std::nullopt;
  const ArrivingPlace where = arriving_place(place);
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(where.digest);
  const SnapshotPtr view = arrival ? arrival->view() : nullptr;
  if (!view || arrival->is_hidden(where.path())) return std::nullopt;
  std::optional<Node> node = node_at(fs, view, place);
  if (!node || arrival->snapshot().is_sealed()) return node;
  const auto has = [&](const Digest& blob) { return arrival->snapshot().has(blob); };
  if (node->kind == NodeKind::half) return has(half_digest(*node)) ? node : std::nullopt;
  if (node->kind == NodeKind::page) return has(page_of(*node).k) && has(page_of(*node).v) ? node : std::nullopt;
  // The manifest is known by having been read from its file.
  return node->kind == NodeKind::manifest ? node : std::nullopt;
}

ArrivalPtr arrival_of(FileSystem& fs, fuse_req_t req, const Digest& digest) {
  ArrivalPtr arrival = fs.writes.arrivals.make(digest);
  arrival->note_writer(fuse_req_ctx(req)->pid);
  return arrival;
}

}  // namespace pfcache::fuse
