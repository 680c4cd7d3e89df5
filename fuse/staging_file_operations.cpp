// Files that are written: create, open, read, write, flush, release, and what changes their length.
//
// What appears in the place of a file is opened as it is, by readers and by writers whose writes it takes; a real file
// is made of it with the first write that it doesn't take, for all who have it open to write.
//
// Where the kernel can, it reads and writes the real file itself (passthrough); its rule of one way at a time for an
// inode is kept as in open_files.hpp: the first open decides, the last release ends it. The real file is open for
// reading and writing however the caller opened it, since all who have it open share the descriptor.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "fuse/arriving_area.hpp"
#include "fuse/staging_operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

// What an open file of the kernel's is here.
struct Handle {
  MirrorInodePtr inode;
  bool writes = false;
  ApparitionPtr apparition = nullptr;       // read only: there was no real file
  ArrivalPtr arrival = nullptr;             // that is written
  std::optional<MirrorPlace> watched = {};  // where it was opened, if its area sees all that is done with it
  std::optional<FileStamp> opened = {};     // the file as it was then, until it is read; guarded by inode->open.mutex
};

Handle& handle_of(const fuse_file_info& file) {
  return *reinterpret_cast<Handle*>(static_cast<std::uintptr_t>(file.fh));
}

bool wants_to_write(const fuse_file_info& file) {
  return (file.flags & O_ACCMODE) != O_RDONLY || (file.flags & O_TRUNC) != 0;
}

// Where the file was before another was renamed over it.
std::optional<MirrorPlace> place_before(MirrorInode& inode) {
  const std::scoped_lock lock(inode.open.mutex);
  return inode.open.had_place;
}

void count_open(FileSystem& fs, const Handle& handle) {
  fs.metrics.add(handle.writes ? MountValue::written_opens : MountValue::other_opens);
}

// One more open of the file. `open_first` opens it when it is the first.
template <typename OpenFirst>
int add_open(FileSystem& fs, const Handle& handle, OpenFirst&& open_first) {
  MirrorInode& inode = *handle.inode;
  const std::scoped_lock lock(inode.open.mutex);
  MirrorInode::OpenState& state = inode.open;
  // Taken away past the inode, whose name leads elsewhere by now: to be looked up again, which the kernel does by
  // itself.
  if (state.opens > 0 && !handle.writes && state.fd && !FileStamp::of(state.fd.get()).has_name &&
      fs.writes.inodes.place_of(handle.inode)) {
    throw Error::from_errno(ESTALE, "open");
  }
  if (state.opens == 0) {
    open_first(state);
    state.is_written = false;
    const bool passes_through = fs.passthrough.is_on() && state.apparitions == 0 && !handle.watched && !state.written;
    state.backing_id = passes_through ? fs.passthrough.open_backing(state.fd.get()) : 0;
  }
  ++state.opens;
  count_open(fs, handle);
  if (state.backing_id > 0) fs.metrics.add(MountValue::passthrough_opens);
  state.is_written |= handle.writes;
  return state.backing_id;
}

// True when it was the last of those who wrote.
bool take_open_back(FileSystem& fs, MirrorInode& inode) noexcept {
  const std::scoped_lock lock(inode.open.mutex);
  MirrorInode::OpenState& state = inode.open;
  if (--state.opens > 0) return false;
  if (state.backing_id > 0) fs.passthrough.close_backing(state.backing_id);
  state.backing_id = 0;
  state.fd.reset();
  state.written.reset();
  return state.is_written;
}

// Stays open as long as the handle is.
int fd_of(FileSystem& fs, const Handle& handle) {
  const std::scoped_lock lock(handle.inode->open.mutex);
  return real_fd(fs, handle.inode);
}

// What appears in the place of a real file; null when there is one.
ApparitionPtr apparition_of(const Handle& handle) {
  if (handle.apparition) return handle.apparition;
  const std::scoped_lock lock(handle.inode->open.mutex);
  return handle.inode->open.written;
}

// Whose file it is hears of it until it is closed.
void note_writing(FileSystem& fs, Handle& handle, const MirrorPlace& place) {
  if (!handle.writes || place.area != MirrorArea::arriving) return;
  handle.arrival = fs.writes.arrivals.find_known(arriving_place(place).digest);
  if (handle.arrival) handle.arrival->note_open();
}

// True when the pages of a file that the kernel has are of the bytes that it has now.
bool has_current_pages(Handle& handle) {
  const ApparitionPtr apparition = apparition_of(handle);
  const std::scoped_lock lock(handle.inode->open.mutex);
  const MirrorInode::OpenState& state = handle.inode->open;
  const auto fd = apparition ? apparition->source_fd() : state.fd.get();
  const auto stamp = fd ? FileStamp::find_settled(*fd) : std::nullopt;
  if (stamp && stamp == state.cached) return true;
  handle.opened = stamp;
  return false;
}

// An open that didn't keep the pages lets go of them before it returns: by the first read through it, and not before,
// they are all younger than the stamp.
void note_pages(Handle& handle) {
  const std::scoped_lock lock(handle.inode->open.mutex);
  if (handle.opened) handle.inode->open.cached = std::exchange(handle.opened, std::nullopt);
}

// What is read by requests is kept by the kernel for the next open, as long as nobody touches the file.
void set_up(fuse_file_info& file, std::unique_ptr<Handle>& handle) {
  file.fh = reinterpret_cast<std::uintptr_t>(handle.get());
  file.keep_cache = handle->watched && !handle->writes && has_current_pages(*handle) ? 1 : 0;
  file.direct_io = handle->writes && handle->watched ? 1 : 0;
  file.noflush = handle->writes ? 0 : 1;
}

void close_handle(FileSystem& fs, std::unique_ptr<Handle> handle) noexcept {
  if (handle->arrival) handle->arrival->note_close();
  if (handle->apparition) {
    const std::scoped_lock lock(handle->inode->open.mutex);
    if (--handle->inode->open.apparitions == 0) handle->inode->open.shown.reset();
    return;
  }
  const bool was_written = take_open_back(fs, *handle->inode);
  if (!was_written) return;
  try {
    if (const auto place = fs.writes.inodes.place_of(handle->inode)) area_of(fs, *place).after_close(fs, *place);
  } catch (...) {
    // What was to be done ahead is done later, and the error then told.
    static_cast<void>(errno_of_current_exception(fs.log));
  }
}

// Cached, by which a file that comes to be there can't be open by passthrough meanwhile. False when one is.
bool open_apparition(FileSystem& fs, fuse_req_t req, fuse_file_info* file, std::unique_ptr<Handle>& handle,
                     ApparitionPtr apparition) {
  {
    const std::scoped_lock lock(handle->inode->open.mutex);
    if (handle->inode->open.opens > 0) return false;
    ++handle->inode->open.apparitions;
    handle->inode->open.shown = apparition;
  }
  handle->apparition = std::move(apparition);
  count_open(fs, *handle);
  set_up(*file, handle);
  const int sent = fuse_reply_open(req, file);
  Handle* const opened = handle.release();
  if (sent != 0) close_handle(fs, std::unique_ptr<Handle>(opened));
  return true;
}

void try_to_open_mirror(FileSystem& fs, fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  auto handle = std::make_unique<Handle>(Handle{mirror_of(fs, ino), wants_to_write(*file)});
  if (handle->inode->type != S_IFREG) throw Error::from_errno(EISDIR, "open");
  if (handle->writes) fs.writes.require_writable();
  const auto place = fs.writes.inodes.place_of(handle->inode);
  const auto known_place = place ? place : place_before(*handle->inode);
  if (known_place && area_of(fs, *known_place).sees_all()) handle->watched = known_place;
  if (place && !handle->writes && !fs.writes.files.find(*place)) {
    auto apparition = area_of(fs, *place).open_apparition(fs, *place);
    if (apparition && open_apparition(fs, req, file, handle, std::move(apparition))) return;
  }
  const bool truncates = (file->flags & O_TRUNC) != 0;
  if (truncates && place) area_of(fs, *place).before_truncation(fs, *place, 0);
  const int backing_id = add_open(fs, *handle, [&](MirrorInode::OpenState& state) {
    if (!place) state.fd = UniqueFd(::fcntl(state.replaced.get(), F_DUPFD_CLOEXEC, 0));
    if (state.fd) return;
    if (!place) throw Error::from_errno(ESTALE, "open");
    if (handle->writes && !fs.writes.files.find(*place)) {
      if (!truncates) state.written = area_of(fs, *place).open_writable_apparition(fs, *place);
      if (state.written) return;
      area_of(fs, *place).materialize(fs, *place, !truncates);
    }
    state.fd = fs.writes.files.open_file(*place, fs.writes.is_writable ? O_RDWR : O_RDONLY);
  });
  try {
    if (truncates && ::ftruncate(fd_of(fs, *handle), 0) != 0) throw Error::from_last_errno("ftruncate");
    const bool reads = (file->flags & O_ACCMODE) != O_WRONLY && !truncates;
    if (place && reads && !apparition_of(*handle)) {
      area_of(fs, *place).after_open(fs, *place, fd_of(fs, *handle));
    }
  } catch (...) {
    static_cast<void>(take_open_back(fs, *handle->inode));
    throw;
  }
  if (place) note_writing(fs, *handle, *place);
  set_up(*file, handle);
  const int sent = backing_id > 0 ? fs.passthrough.reply_open(req, *file, backing_id) : fuse_reply_open(req, file);
  Handle* const opened = handle.release();
  if (sent != 0) close_handle(fs, std::unique_ptr<Handle>(opened));
}

// A copy that the store has taken goes, and what it has appears in its place: between a look for the file and its being
// opened, too. Nothing is thrown once there was an answer.
void open_mirror(FileSystem& fs, fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) {
  constexpr int kTries = 3;
  for (int tries = 1;; ++tries) {
    try {
      return try_to_open_mirror(fs, req, ino, file);
    } catch (const Error& error) {
      if (error.code() != std::errc::no_such_file_or_directory || tries == kTries) throw;
    }
  }
}

void on_open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (is_mirror_id(ino)) return answer(req, [&](FileSystem& fs) { open_mirror(fs, req, ino, file); });
  // Sealed: it can be replaced by itself, under a name in flight, and not be written.
  if (wants_to_write(*file) && file_system_of(req).writes.is_writable) {
    reply_error(req, EPERM);
    return;
  }
  sealed_operations().open(req, ino, file);
}

void note_copier(FileSystem& fs, fuse_req_t req, const MirrorPlace& place, int flags) {
  if (place.area != MirrorArea::arriving || is_in_flight(arriving_place(place))) return;
  if ((flags & (O_EXCL | O_TRUNC)) == 0) return;
  const ArrivalPtr arrival = fs.writes.arrivals.find_known(arriving_place(place).digest);
  if (arrival) arrival->note_copier(fuse_req_ctx(req)->pid);
}

void on_create(fuse_req_t req, fuse_ino_t parent_ino, const char* name, mode_t /*mode*/,
               fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (parent_ino == kRootId || parent_ino == kCatalogId) throw Error::from_errno(EPERM, name);
    const MirrorInodePtr parent = writable_directory_for(fs, req, parent_ino, name, S_IFREG);
    const MirrorPlace place = place_of(fs, parent).child(name);
    area_of(fs, place).require_makeable(place, S_IFREG);
    constexpr int kKept = O_EXCL | O_TRUNC;
    UniqueFd made = fs.writes.files.open_file(place, O_RDWR | O_CREAT | (file->flags & kKept));
    struct stat found {};
    if (::fstat(made.get(), &found) != 0) throw Error::from_last_errno(place.path());
    auto handle = std::make_unique<Handle>(Handle{current_inode(fs, parent, name, S_IFREG, found), true});
    if (area_of(fs, place).sees_all()) handle->watched = place;
    const int backing_id = add_open(fs, *handle, [&](MirrorInode::OpenState& state) { state.fd = std::move(made); });
    area_of(fs, place).note_made(fs, place);
    note_copier(fs, req, place, file->flags);
    fuse_entry_param entry{};
    try {
      entry = mirror_entry(fs, handle->inode, attributes_of(fs, handle->inode));
    } catch (...) {
      static_cast<void>(take_open_back(fs, *handle->inode));
      throw;
    }
    note_writing(fs, *handle, place);
    set_up(*file, handle);
    const int sent = backing_id > 0 ? fs.passthrough.reply_create(req, entry, *file, backing_id)
                                    : fuse_reply_create(req, &entry, file);
    Handle* const opened = handle.release();
    if (sent == 0) return;
    fs.writes.inodes.forget(entry.ino, 1);
    close_handle(fs, std::unique_ptr<Handle>(opened));
  });
}

fuse_bufvec bytes_of_file(int fd, std::size_t size, off_t offset) {
  fuse_bufvec bytes{};
  bytes.count = 1;
  bytes.buf[0].size = size;
  bytes.buf[0].flags = static_cast<fuse_buf_flags>(FUSE_BUF_IS_FD | FUSE_BUF_FD_SEEK);
  bytes.buf[0].fd = fd;
  bytes.buf[0].pos = offset;
  return bytes;
}

fuse_bufvec bytes_in_memory(std::span<std::byte> bytes) {
  fuse_bufvec vector{};
  vector.count = 1;
  vector.buf[0].size = bytes.size();
  vector.buf[0].mem = bytes.data();
  return vector;
}

void read_apparition(FileSystem& fs, fuse_req_t req, const Apparition& from, std::size_t size, off_t offset) {
  const std::uint64_t end = from.size_bytes();
  const std::uint64_t start = std::min(static_cast<std::uint64_t>(offset), end);
  fs.scratch.with(std::min<std::uint64_t>(size, end - start), [&](std::span<std::byte> bytes) {
    from.read(start, bytes);
    fs.metrics.add(MountValue::read_bytes, bytes.size());
    return fuse_reply_buf(req, reinterpret_cast<const char*>(bytes.data()), bytes.size());
  });
}

// How many of the bytes that are asked for the file has.
std::uint64_t bytes_there(int fd, std::size_t size, off_t offset) {
  struct stat found {};
  if (::fstat(fd, &found) != 0 || found.st_size <= offset) return 0;
  return std::min<std::uint64_t>(size, static_cast<std::uint64_t>(found.st_size - offset));
}

void on_read(fuse_req_t req, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info* file) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().read(req, ino, size, offset, file);
  answer(req, [&](FileSystem& fs) {
    Handle& handle = handle_of(*file);
    if (handle.watched) note_pages(handle);
    if (const ApparitionPtr from = apparition_of(handle)) return read_apparition(fs, req, *from, size, offset);
    const int fd = fd_of(fs, handle);
    if (handle.watched) {
      const std::uint64_t end = static_cast<std::uint64_t>(offset) + size;
      const MirrorPlace place = fs.writes.inodes.place_of(handle.inode).value_or(*handle.watched);
      area_of(fs, place).before_read(fs, place, fd, end);
    }
    fs.metrics.add(MountValue::read_bytes, bytes_there(fd, size, offset));
    fuse_bufvec bytes = bytes_of_file(fd, size, offset);
    fuse_reply_data(req, &bytes, FUSE_BUF_SPLICE_MOVE);
  });
}

void change_file(FileSystem& fs, const Handle& handle, off_t offset, std::uint64_t size_bytes,
                 const std::function<void()>& make) {
  const auto place = handle.watched ? fs.writes.inodes.place_of(handle.inode) : std::nullopt;
  if (!place) return make();
  const auto begin = static_cast<std::uint64_t>(offset);
  area_of(fs, *place).change(fs, *place, fd_of(fs, handle), {begin, begin + size_bytes}, make);
}

void write_file(FileSystem& fs, fuse_req_t req, const Handle& handle, fuse_bufvec& from, off_t offset) {
  const std::size_t size = fuse_buf_size(&from);
  fuse_bufvec to = bytes_of_file(fd_of(fs, handle), size, offset);
  ssize_t written = 0;
  change_file(fs, handle, offset, size, [&] {
    written = fuse_buf_copy(&to, &from, static_cast<fuse_buf_copy_flags>(0));
    if (written < 0) throw Error::from_errno(static_cast<int>(-written), "write");
  });
  fs.metrics.add(MountValue::written_bytes, static_cast<std::uint64_t>(written));
  fuse_reply_write(req, static_cast<std::size_t>(written));
}

// Under the lock, since what it is made a real file of must have all that was written before. False when it takes one.
bool write_apparition(const Handle& handle, std::span<const std::byte> bytes, off_t offset) {
  const std::scoped_lock lock(handle.inode->open.mutex);
  const auto& apparition = handle.inode->open.written;
  return apparition && apparition->write(static_cast<std::uint64_t>(offset), bytes);
}

// The bytes may be in a pipe, from which they are to be had once.
void write_apparition_or_file(FileSystem& fs, fuse_req_t req, const Handle& handle, fuse_bufvec& from, off_t offset) {
  fs.scratch.with(fuse_buf_size(&from), [&](std::span<std::byte> bytes) {
    fuse_bufvec memory = bytes_in_memory(bytes);
    const ssize_t copied = fuse_buf_copy(&memory, &from, static_cast<fuse_buf_copy_flags>(0));
    if (copied < 0) throw Error::from_errno(static_cast<int>(-copied), "write");
    bytes = bytes.first(static_cast<std::size_t>(copied));
    memory = bytes_in_memory(bytes);
    if (!write_apparition(handle, bytes, offset)) return write_file(fs, req, handle, memory, offset);
    fs.metrics.add(MountValue::written_bytes, bytes.size());
    fuse_reply_write(req, bytes.size());
  });
}

void on_write_buf(fuse_req_t req, fuse_ino_t ino, fuse_bufvec* from, off_t offset, fuse_file_info* file) noexcept {
  if (!is_mirror_id(ino)) {
    reply_error(req, EROFS);
    return;
  }
  answer(req, [&](FileSystem& fs) {
    const Handle& handle = handle_of(*file);
    if (apparition_of(handle)) return write_apparition_or_file(fs, req, handle, *from, offset);
    write_file(fs, req, handle, *from, offset);
  });
}

void on_flush(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& fs) {
    if (is_mirror_id(ino) && handle_of(*file).writes) {
      const auto place = fs.writes.inodes.place_of(handle_of(*file).inode);
      if (place) area_of(fs, *place).after_flush(fs, *place);
    }
    fuse_reply_err(req, 0);
  });
}

void on_release(fuse_req_t req, fuse_ino_t ino, fuse_file_info* file) noexcept {
  if (!is_mirror_id(ino)) return sealed_operations().release(req, ino, file);
  close_handle(file_system_of(req), std::unique_ptr<Handle>(&handle_of(*file)));
  fuse_reply_err(req, 0);
}

void on_fsync(fuse_req_t req, fuse_ino_t ino, int is_data_only, fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& fs) {
    if (is_mirror_id(ino) && !handle_of(*file).apparition) {
      const ApparitionPtr written = apparition_of(handle_of(*file));
      const int fd = written ? written->source_fd().value_or(-1) : fd_of(fs, handle_of(*file));
      if ((is_data_only != 0 ? ::fdatasync(fd) : ::fsync(fd)) != 0) throw Error::from_last_errno("fsync");
    }
    fuse_reply_err(req, 0);
  });
}

void on_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length, fuse_file_info* file) noexcept {
  answer(req, [&](FileSystem& fs) {
    fs.writes.require_writable();
    if (!is_mirror_id(ino)) throw Error::from_errno(EPERM, "fallocate");
    const Handle& handle = handle_of(*file);
    const int fd = fd_of(fs, handle);
    change_file(fs, handle, offset, static_cast<std::uint64_t>(length), [&] {
      if (::fallocate(fd, mode, offset, length) != 0) throw Error::from_last_errno("fallocate");
    });
    fuse_reply_err(req, 0);
  });
}

}  // namespace

void add_staging_file_operations(fuse_lowlevel_ops& ops) noexcept {
  ops.open = on_open;
  ops.create = on_create;
  ops.read = on_read;
  ops.write = nullptr;
  ops.write_buf = on_write_buf;
  ops.flush = on_flush;
  ops.release = on_release;
  ops.fsync = on_fsync;
  ops.fallocate = on_fallocate;
}

}  // namespace pfcache::fuse
