#include "support/recording_file_ops.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "support/disk_model.hpp"

namespace pfcache::test {
namespace {

std::string target_of(const std::string& link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t length = ::readlink(link.c_str(), target.data(), target.size());
  if (length < 0) throw std::runtime_error("cannot read the link " + link);
  return {target.data(), static_cast<std::size_t>(length)};
}

std::string read_whole(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string copy_of(const void* bytes, std::size_t size_bytes) { return {static_cast<const char*>(bytes), size_bytes}; }

bool is_directory(int fd) {
  struct stat st {};
  return ::fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

// No table beside the enumeration: the compiler tells of a kind that is missing here.
const char* verb_of(RecordingFileOps::Kind kind) {
  using Kind = RecordingFileOps::Kind;
  switch (kind) {
    case Kind::open_existing: return "open";
    case Kind::create: return "create";
    case Kind::truncate: return "truncate";
    case Kind::write: return "write";
    case Kind::extend: return "extend";
    case Kind::resize: return "resize";
    case Kind::sync_file: return "sync file";
    case Kind::sync_directory: return "sync directory";
    case Kind::rename: return "rename";
    case Kind::unlink: return "unlink";
    case Kind::attribute: return "attribute";
    case Kind::mkdir: return "mkdir";
  }
  return "";
}

}  // namespace

RecordingFileOps::RecordingFileOps(const std::filesystem::path& root)
    : root_(std::filesystem::canonical(root).native()) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root_)) {
    const std::string path = *inside_root(entry.path().native());
    if (entry.is_directory()) {
      initial_.push_back({path, std::nullopt});
    } else {
      initial_.push_back({path, read_whole(entry.path())});
    }
  }
}

std::size_t RecordingFileOps::call_count() const {
  const std::scoped_lock lock(mutex_);
  return calls_.size();
}

std::string RecordingFileOps::describe(std::size_t call) const {
  const std::scoped_lock lock(mutex_);
  const Call& c = calls_.at(call);
  std::string text = std::string(verb_of(c.kind)) + " " + (c.path.empty() ? "." : c.path);
  if (!c.to.empty()) text += " → " + c.to;
  if (!c.done) text += " (failed or elsewhere)";
  return text;
}

bool RecordingFileOps::is_unlink(std::size_t call) const {
  const std::scoped_lock lock(mutex_);
  return calls_.at(call).kind == Kind::unlink;
}

void RecordingFileOps::fail_call(std::size_t call, int errnum) {
  const std::scoped_lock lock(mutex_);
  failing_call_ = call;
  failing_errno_ = errnum;
}

void RecordingFileOps::stop_failing() {
  const std::scoped_lock lock(mutex_);
  failing_call_.reset();
}

void RecordingFileOps::materialise(std::size_t calls, Crash crash, std::uint64_t seed,
                                   const std::filesystem::path& dest) const {
  DiskModel model(initial_);
  {
    const std::scoped_lock lock(mutex_);
    for (std::size_t i = 0; i < calls; ++i) model.apply(calls_.at(i));
  }
  std::filesystem::remove_all(dest);
  std::filesystem::create_directories(dest);
  model.write_to(dest, crash, seed);
}

std::optional<std::string> RecordingFileOps::inside_root(const std::string& path) const {
  if (path == root_) return "";
  if (path.rfind(root_ + "/", 0) != 0) return std::nullopt;
  return path.substr(root_.size() + 1);
}

std::optional<std::string> RecordingFileOps::place_of(int fd) const {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || st.st_nlink == 0) return std::nullopt;  // removed: a crash leaves nothing of it
  return inside_root(target_of("/proc/self/fd/" + std::to_string(fd)));
}

std::optional<std::string> RecordingFileOps::place_of(int dir_fd, const char* name) const {
  if (name[0] == '/') return inside_root(name);
  const auto directory = dir_fd == AT_FDCWD ? inside_root(std::filesystem::current_path().native()) : place_of(dir_fd);
  if (!directory) return std::nullopt;
  return directory->empty() ? name : *directory + "/" + name;
}

// Writes the call down; false when it is to fail instead of being performed.
bool RecordingFileOps::begin(Call call, bool inside) {
  const bool fails = failing_call_ == calls_.size();
  calls_.push_back(std::move(call));
  current_is_inside_ = inside;
  if (fails) errno = failing_errno_;
  return !fails;
}

// Notes how the call that was begun came out.
template <typename Result>
Result RecordingFileOps::end(Result result) {
  calls_.back().done = result >= 0 && current_is_inside_;
  return result;
}

int RecordingFileOps::open(int dir_fd, const char* name, int flags, mode_t mode) {
  const std::scoped_lock lock(mutex_);
  struct stat st {};
  const bool exists = ::fstatat(dir_fd, name, &st, 0) == 0;
  const auto place = place_of(dir_fd, name);
  Kind kind = Kind::open_existing;
  if (!exists && (flags & O_CREAT) != 0) kind = Kind::create;
  if (exists && (flags & O_TRUNC) != 0) kind = Kind::truncate;
  if (!begin({.kind = kind, .path = place.value_or(name)}, place.has_value())) return -1;
  return end(FileOps::open(dir_fd, name, flags, mode));
}

ssize_t RecordingFileOps::write(int fd, const void* bytes, size_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  const bool appends = (::fcntl(fd, F_GETFL) & O_APPEND) != 0;
  const off_t offset = ::lseek(fd, 0, appends ? SEEK_END : SEEK_CUR);
  if (!begin({.kind = Kind::write, .path = place.value_or(""), .offset = static_cast<std::uint64_t>(offset)},
             place.has_value())) {
    return -1;
  }
  const ssize_t written = end(FileOps::write(fd, bytes, size_bytes));
  if (written > 0) calls_.back().bytes = copy_of(bytes, static_cast<std::size_t>(written));
  return written;
}

ssize_t RecordingFileOps::pwrite(int fd, const void* bytes, size_t size_bytes, off_t offset) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  if (!begin({.kind = Kind::write, .path = place.value_or(""), .offset = static_cast<std::uint64_t>(offset)},
             place.has_value())) {
    return -1;
  }
  const ssize_t written = end(FileOps::pwrite(fd, bytes, size_bytes, offset));
  if (written > 0) calls_.back().bytes = copy_of(bytes, static_cast<std::size_t>(written));
  return written;
}

int RecordingFileOps::allocate(int fd, off_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  if (!begin({.kind = Kind::extend, .path = place.value_or(""), .offset = static_cast<std::uint64_t>(size_bytes)},
             place.has_value())) {
    return -1;
  }
  return end(FileOps::allocate(fd, size_bytes));
}

int RecordingFileOps::resize(int fd, off_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  if (!begin({.kind = Kind::resize, .path = place.value_or(""), .offset = static_cast<std::uint64_t>(size_bytes)},
             place.has_value())) {
    return -1;
  }
  return end(FileOps::resize(fd, size_bytes));
}

int RecordingFileOps::fsync(int fd) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  const Kind kind = is_directory(fd) ? Kind::sync_directory : Kind::sync_file;
  if (!begin({.kind = kind, .path = place.value_or("")}, place.has_value())) return -1;
  return end(0);  // the record is the disk: waiting for the real one would tell nothing
}

int RecordingFileOps::rename(int from_dir_fd, const char* from, int to_dir_fd, const char* to) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(from_dir_fd, from);
  const auto to_place = place_of(to_dir_fd, to);
  if (place.has_value() != to_place.has_value()) throw std::logic_error("a rename across the root can't be recorded");
  if (!begin({.kind = Kind::rename, .path = place.value_or(from), .to = to_place.value_or(to)}, place.has_value())) {
    return -1;
  }
  return end(FileOps::rename(from_dir_fd, from, to_dir_fd, to));
}

int RecordingFileOps::unlink(int dir_fd, const char* name, int flags) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(dir_fd, name);
  if (!begin({.kind = Kind::unlink, .path = place.value_or(name)}, place.has_value())) return -1;
  return end(FileOps::unlink(dir_fd, name, flags));
}

int RecordingFileOps::set_attribute(int fd, const char* name, const void* bytes, size_t size_bytes) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(fd);
  if (!begin({.kind = Kind::attribute, .path = place.value_or("")}, place.has_value())) return -1;
  return end(FileOps::set_attribute(fd, name, bytes, size_bytes));
}

int RecordingFileOps::mkdir(int dir_fd, const char* name, mode_t mode) {
  const std::scoped_lock lock(mutex_);
  const auto place = place_of(dir_fd, name);
  if (!begin({.kind = Kind::mkdir, .path = place.value_or(name)}, place.has_value())) return -1;
  return end(FileOps::mkdir(dir_fd, name, mode));
}

}  // namespace pfcache::test
