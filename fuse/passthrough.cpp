#include "fuse/passthrough.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <linux/fuse.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <string_view>
#include <system_error>

#include "fuse/operations.hpp"
#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr bool kLibraryKnows = FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17);

// The wire, as far as Debian 12's headers don't know it.
constexpr std::uint32_t kInitExt = 1U << 30U;
constexpr std::uint32_t kPassthroughFlag2 = 1U << 5U;  // bit 37 of both flag words
constexpr std::uint32_t kOpenPassthrough = 1U << 7U;
constexpr std::size_t kStackDepthOffset = offsetof(fuse_init_out, flags2) + sizeof(std::uint32_t);
constexpr std::size_t kInitReplyBytes = sizeof(fuse_out_header) + 64;

struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};

struct OpenReply {
  std::uint64_t fh;
  std::uint32_t open_flags;
  std::int32_t backing_id;
};

constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);

constexpr const char* kTakesCapability = "it takes CAP_SYS_ADMIN";

// False where that isn't known, too.
bool may_administrate() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[CAP_TO_INDEX(CAP_SYS_ADMIN)].effective & CAP_TO_MASK(CAP_SYS_ADMIN)) != 0;
}

// The id, or a negative errno.
int ioctl_open(int device, int fd) noexcept {
  const BackingMap map{fd, 0, 0};
  const int id = ::ioctl(device, kBackingOpen, &map);
  return id >= 0 ? id : -errno;
}

void ioctl_close(int device, int backing_id) noexcept {
  const auto id = static_cast<std::uint32_t>(backing_id);
  ::ioctl(device, kBackingClose, &id);
}

std::string kernel_version() {
  struct utsname system {};
  if (::uname(&system) != 0) return "?";
  const std::string_view release = system.release;
  return std::string(release.substr(0, release.find_first_not_of("0123456789.")));
}

std::string_view reason_of(int errnum) {
  switch (errnum) {
    case EPERM: return kTakesCapability;
    case ELOOP: return "too many filesystems on top of each other";
    default: return "";
  }
}

std::string refusal(int errnum) {
  std::string text = "the kernel refuses a file: " + std::generic_category().message(errnum);
  if (const std::string_view reason = reason_of(errnum); !reason.empty()) text += fmt::format(" ({})", reason);
  return text;
}

ssize_t read_hook(int device, void* buffer, std::size_t size_bytes, void* userdata) {
  return static_cast<FileSystem*>(userdata)->passthrough.read_request(device, buffer, size_bytes);
}

ssize_t writev_hook(int device, iovec* parts, int count, void* userdata) noexcept {
  return static_cast<FileSystem*>(userdata)->passthrough.write_reply(device, parts, count);
}

[[maybe_unused]] std::uint32_t noflush_of(const fuse_file_info& file) noexcept {
  return file.noflush != 0 ? std::uint32_t{FOPEN_NOFLUSH} : 0;
}

// As libfuse does it for a reply that it makes itself. Times of validity are whole seconds here.
[[maybe_unused]] fuse_entry_out entry_on_wire(const fuse_entry_param& entry) noexcept {
  fuse_entry_out out{};
  const struct stat& from = entry.attr;
  out.nodeid = entry.ino;
  out.generation = entry.generation;
  out.entry_valid = static_cast<std::uint64_t>(entry.entry_timeout);
  out.attr_valid = static_cast<std::uint64_t>(entry.attr_timeout);
  out.attr.ino = from.st_ino;
  out.attr.size = static_cast<std::uint64_t>(from.st_size);
  out.attr.blocks = static_cast<std::uint64_t>(from.st_blocks);
  out.attr.atime = static_cast<std::uint64_t>(from.st_atim.tv_sec);
  out.attr.mtime = static_cast<std::uint64_t>(from.st_mtim.tv_sec);
  out.attr.ctime = static_cast<std::uint64_t>(from.st_ctim.tv_sec);
  out.attr.atimensec = static_cast<std::uint32_t>(from.st_atim.tv_nsec);
  out.attr.mtimensec = static_cast<std::uint32_t>(from.st_mtim.tv_nsec);
  out.attr.ctimensec = static_cast<std::uint32_t>(from.st_ctim.tv_nsec);
  out.attr.mode = from.st_mode;
  out.attr.nlink = static_cast<std::uint32_t>(from.st_nlink);
  out.attr.uid = from.st_uid;
  out.attr.gid = from.st_gid;
  out.attr.blksize = static_cast<std::uint32_t>(from.st_blksize);
  return out;
}

std::uint32_t u32_at(const std::byte* bytes) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void put_u32_at(std::byte* bytes, std::uint32_t value) noexcept { std::memcpy(bytes, &value, sizeof value); }

}  // namespace

Passthrough::Passthrough(PassthroughSetup setup, Log& log) : setup_(std::move(setup)), log_(log) {
  if (setup_.use == PassthroughUse::off) setup_.obstacle = "passthrough=off";
}

void Passthrough::require_possible() const {
  if (!is_required()) return;
  const std::string obstacle = setup_.obstacle.empty() && !may_administrate() ? kTakesCapability : setup_.obstacle;
  if (!obstacle.empty()) throw Error(Errc::unsupported, "passthrough=require: " + obstacle);
}

void Passthrough::attach(fuse_session* session, std::function<void()> on_decided) {
  session_ = session;
  on_decided_ = std::move(on_decided);
  if (kLibraryKnows) return;
  fuse_custom_io io{};
  io.read = read_hook;
  io.writev = writev_hook;
  const int result = fuse_session_custom_io(session, &io, fuse_session_fd(session));
  if (result != 0) throw Error::from_errno(-result, "fuse_session_custom_io");
}

void Passthrough::init([[maybe_unused]] fuse_conn_info* connection) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
  if (!setup_.obstacle.empty()) return decide(false, setup_.obstacle);
  if (!fuse_set_feature_flag(connection, FUSE_CAP_PASSTHROUGH)) return decide(false, "the kernel doesn't offer it");
  connection->max_backing_stack_depth = setup_.stack_depth;
  // What the kernel thinks of our files shows when the first one is opened.
  decide(true, "");
#endif
}

void Passthrough::require_if_asked() const {
  if (is_required() && stage_ == Stage::decided && !is_on_) {
    throw Error(Errc::unsupported, "passthrough=require: " + why_off_);
  }
}

// libfuse's functions for these two take a request, which an open that could not be answered has no more. All they do
// is this.
int Passthrough::open_backing(int fd) noexcept {
  const int id = ioctl_open(fuse_session_fd(session_), fd);
  if (id > 0) return id;
  if (!has_told_of_refusal_.exchange(true)) {
    try {
      log_.tell("a page is not passed through: " + refusal(-id));
    } catch (...) {
      // A line less in the log.
    }
  }
  return 0;
}

void Passthrough::close_backing(int backing_id) noexcept { ioctl_close(fuse_session_fd(session_), backing_id); }

int Passthrough::reply_open(fuse_req_t req, fuse_file_info& file, int backing_id) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
  file.keep_cache = 0;  // the page cache of the mount has no part in it, and the kernel refuses the flag
  file.backing_id = backing_id;
  return fuse_reply_open(req, &file);
#else
  const OpenReply reply{file.fh, kOpenPassthrough | noflush_of(file), backing_id};
  return fuse_reply_buf(req, reinterpret_cast<const char*>(&reply), sizeof reply);
#endif
}

int Passthrough::reply_create(fuse_req_t req, const fuse_entry_param& entry, fuse_file_info& file,
                              int backing_id) noexcept {
#if FUSE_VERSION >= FUSE_MAKE_VERSION(3, 17)
  file.keep_cache = 0;
  file.backing_id = backing_id;
  return fuse_reply_create(req, &entry, &file);
#else
  struct {
    fuse_entry_out entry;
    OpenReply open;
  } reply{};
  static_assert(sizeof reply == sizeof reply.entry + sizeof reply.open);
  reply.entry = entry_on_wire(entry);
  reply.open = {file.fh, kOpenPassthrough | noflush_of(file), backing_id};
  return fuse_reply_buf(req, reinterpret_cast<const char*>(&reply), sizeof reply);
#endif
}

// Until INIT is answered the kernel sends nothing else, so that there is one thread only which reads and writes.
ssize_t Passthrough::read_request(int device, void* buffer, std::size_t size_bytes) {
  const ssize_t got = ::read(device, buffer, size_bytes);
  if (got > 0 && stage_.load(std::memory_order_relaxed) == Stage::before_init) {
    note_request(buffer, static_cast<std::size_t>(got));
  }
  return got;
}

void Passthrough::note_request(const void* buffer, std::size_t size_bytes) noexcept {
  fuse_in_header header{};
  if (size_bytes < sizeof header) return;
  std::memcpy(&header, buffer, sizeof header);
  if (header.opcode != FUSE_INIT) return;
  init_unique_ = header.unique;
  fuse_init_in offer{};
  const std::size_t offer_bytes = std::min(size_bytes - sizeof header, sizeof offer);
  std::memcpy(&offer, static_cast<const std::byte*>(buffer) + sizeof header, offer_bytes);
  // An older kernel than we speak with asks twice, and doesn't have it anyway.
  const bool offers = (offer.flags & kInitExt) != 0 && (offer.flags2 & kPassthroughFlag2) != 0;
  stage_ = offers ? Stage::init_offers : Stage::init_offers_nothing;
}

ssize_t Passthrough::write_reply(int device, const iovec* parts, int count) noexcept {
  const Stage stage = stage_.load(std::memory_order_relaxed);
  if (stage == Stage::decided || stage == Stage::before_init) return ::writev(device, parts, count);
  return write_init_reply(device, parts, count);
}

ssize_t Passthrough::write_init_reply(int device, const iovec* parts, int count) noexcept {
  std::array<std::byte, kInitReplyBytes> reply{};
  std::size_t used = 0;
  for (int i = 0; i < count; ++i) {
    if (parts[i].iov_len > reply.size() - used) break;
    std::memcpy(reply.data() + used, parts[i].iov_base, parts[i].iov_len);
    used += parts[i].iov_len;
  }
  fuse_out_header header{};
  std::memcpy(&header, reply.data(), sizeof header);
  const bool is_whole = used == header.len && header.unique == init_unique_ && header.error == 0;
  if (!is_whole || used < sizeof header + kStackDepthOffset) {
    stage_ = Stage::before_init;  // an error, or the kernel is to ask again in another version
    return ::writev(device, parts, count);
  }
  const bool wants = stage_ == Stage::init_offers && setup_.obstacle.empty();
  if (wants) {
    header.len = static_cast<std::uint32_t>(reply.size());
    std::memcpy(reply.data(), &header, sizeof header);
    std::byte* body = reply.data() + sizeof header;
    std::byte* flags = body + offsetof(fuse_init_out, flags);
    std::byte* flags2 = body + offsetof(fuse_init_out, flags2);
    put_u32_at(flags, u32_at(flags) | kInitExt);
    put_u32_at(flags2, u32_at(flags2) | kPassthroughFlag2);
    put_u32_at(body + kStackDepthOffset, setup_.stack_depth);
  }
  const ssize_t written = ::write(device, reply.data(), header.len);
  if (written < 0) return written;
  if (wants) {
    try_sample();
  } else {
    decide(false, setup_.obstacle.empty() ? "the kernel doesn't offer it" : setup_.obstacle);
  }
  return static_cast<ssize_t>(used);  // what libfuse has sent, as far as it knows
}

void Passthrough::try_sample() noexcept {
  const int id = ioctl_open(fuse_session_fd(session_), setup_.sample.get());
  if (id > 0) ioctl_close(fuse_session_fd(session_), id);
  setup_.sample.reset();
  try {
    decide(id > 0, id > 0 ? "" : refusal(-id));
  } catch (...) {
    decide(false, "");
  }
}

void Passthrough::decide(bool is_on, const std::string& why) noexcept {
  stage_ = Stage::decided;
  is_on_ = is_on;
  try {
    why_off_ = why;
    if (!is_on && is_required()) return fuse_session_exit(session_);
    if (on_decided_) on_decided_();
    log_.tell(is_on ? fmt::format("passthrough on: kernel {}, stack depth {}, hot pages in {}", kernel_version(),
                                  setup_.stack_depth, setup_.backing_name)
                    : fmt::format("passthrough off: {}; hot pages in {}", why, setup_.backing_name));
  } catch (const std::exception& failure) {
    std::fputs(failure.what(), stderr);
  }
}

}  // namespace pfcache::fuse
