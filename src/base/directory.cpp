#include "base/directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::string_view kTempPrefix = ".tmp-";

// Random, because process ids and counters collide between containers that share a store.
std::string make_temp_name() {
  std::uint64_t bits = 0;
  while (::getrandom(&bits, sizeof bits, 0) != ssize_t{sizeof bits}) {
    if (errno != EINTR) throw Error::from_last_errno("cannot get random bytes");
  }
  return fmt::format("{}{:016x}", kTempPrefix, bits);
}

UniqueFd open_existing(int dir_fd, const char* name, int flags) {
  int fd = -1;
  do {
    fd = ::openat(dir_fd, name, flags | O_CLOEXEC);
  } while (fd < 0 && errno == EINTR);
  return UniqueFd(fd);
}

}  // namespace

bool is_temp_name(std::string_view name) noexcept { return name.starts_with(kTempPrefix); }

Directory Directory::open(const std::filesystem::path& path, FileOps& ops) {
  UniqueFd fd = open_existing(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!fd) {
    const int error = errno;
    if (error == ENOENT) throw Error(Errc::not_found, fmt::format("directory '{}'", path.native()));
    throw Error::from_errno(error, fmt::format("cannot open directory '{}'", path.native()));
  }
  return {std::move(fd), path.native(), ops};
}

Directory Directory::duplicate() const {
  UniqueFd fd(::fcntl(fd_.get(), F_DUPFD_CLOEXEC, 0));
  if (!fd) throw Error::from_last_errno(fmt::format("cannot duplicate the descriptor of '{}'", path_));
  return {std::move(fd), path_, *ops_};
}

std::string Directory::path_of(std::string_view name) const { return fmt::format("{}/{}", path_, name); }

std::optional<Directory> Directory::find_directory(const std::string& name) const {
  UniqueFd fd = open_existing(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd) return Directory(std::move(fd), path_of(name), *ops_);
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot open directory '{}'", path_of(name)));
}

std::optional<Directory> Directory::find_real_directory(const std::string& name) const {
  UniqueFd fd = open_existing(fd_.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  if (fd) return Directory(std::move(fd), path_of(name), *ops_);
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot open directory '{}'", path_of(name)));
}

Directory Directory::make_directory(const std::string& name) const {
  if (auto found = find_directory(name)) return std::move(*found);
  // Somebody else may make it in between: EEXIST is as good as success, but its entry may not be durable yet.
  if (ops_->mkdir(fd_.get(), name.c_str(), 0755) != 0 && errno != EEXIST) {
    throw Error::from_last_errno(fmt::format("cannot create directory '{}'", path_of(name)));
  }
  sync();
  auto made = find_directory(name);
  if (!made) throw Error(Errc::not_found, fmt::format("directory '{}', just made,", path_of(name)));
  return std::move(*made);
}

std::optional<UniqueFd> Directory::find_file(const std::string& name) const {
  UniqueFd fd = open_existing(fd_.get(), name.c_str(), O_RDONLY | O_NOCTTY | O_NONBLOCK);
  if (fd) return fd;
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot open '{}'", path_of(name)));
}

std::optional<std::string> Directory::read_file(const std::string& name, std::uint64_t limit_bytes) const {
  const auto fd = find_file(name);
  if (!fd) return std::nullopt;
  const std::uint64_t size = file_size_bytes(fd->get(), path_of(name));
  if (size > limit_bytes) {
    throw Error(Errc::too_large,
                fmt::format("'{}' has {} bytes, at most {} are read", path_of(name), size, limit_bytes));
  }
  std::string text(size, '\0');
  read_exactly_at(fd->get(), 0, std::as_writable_bytes(std::span(text)), path_of(name));
  return text;
}

bool Directory::has(const std::string& name) const {
  struct stat st {};
  if (::fstatat(fd_.get(), name.c_str(), &st, 0) == 0) return true;
  if (errno == ENOENT) return false;
  throw Error::from_last_errno(fmt::format("cannot stat '{}'", path_of(name)));
}

std::vector<std::string> Directory::names() const {
  // A descriptor of its own: closedir() closes it, and its position is not shared with other threads.
  UniqueFd fd = open_existing(fd_.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!fd) throw Error::from_last_errno(fmt::format("cannot open directory '{}'", path_));
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd.get()), &::closedir);
  if (!dir) throw Error::from_last_errno(fmt::format("cannot read directory '{}'", path_));
  std::ignore = fd.release();

  std::vector<std::string> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());  // NOLINT(concurrency-mt-unsafe): the stream is this call's own
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) throw Error::from_last_errno(fmt::format("cannot read directory '{}'", path_));
  return names;
}

void Directory::publish_file(const std::string& name, std::span<const std::byte> bytes) const {
  PendingFile file(*this);
  file.write(bytes);
  file.sync();
  file.publish(name);
  sync();
}

void Directory::publish_file(const std::string& name, std::string_view text) const {
  publish_file(name, as_bytes(text));
}

bool Directory::remove_file(const std::string& name) const {
  if (ops_->unlink(fd_.get(), name.c_str(), 0) != 0) {
    if (errno == ENOENT) return false;
    throw Error::from_last_errno(fmt::format("cannot remove '{}'", path_of(name)));
  }
  sync();
  return true;
}

void Directory::sync() const {
  if (ops_->fsync(fd_.get()) != 0) throw Error::from_last_errno(fmt::format("cannot sync directory '{}'", path_));
}

PendingFile::PendingFile(const Directory& directory, mode_t mode) : directory_(&directory) {
  while (true) {
    temp_name_ = make_temp_name();
    fd_ = UniqueFd(directory.ops().open(directory.fd(), temp_name_.c_str(), O_CREAT | O_EXCL | O_RDWR, mode));
    if (fd_) return;
    if (errno == EEXIST || errno == EINTR) continue;
    const int error = errno;
    temp_name_.clear();
    throw Error::from_errno(error, fmt::format("cannot create a file in '{}'", directory.path()));
  }
}

PendingFile::PendingFile(PendingFile&& other) noexcept
    : directory_(other.directory_), temp_name_(std::exchange(other.temp_name_, {})), fd_(std::move(other.fd_)) {}

PendingFile::~PendingFile() {
  // Nothing can be done about a failure here: what stays behind is a temp file, swept later.
  if (!temp_name_.empty()) directory_->ops().unlink(directory_->fd(), temp_name_.c_str(), 0);
}

std::string PendingFile::path() const { return directory_->path_of(temp_name_); }

void PendingFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = directory_->ops().write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno(fmt::format("cannot write '{}'", path()));
    }
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void PendingFile::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  write_exactly_at(directory_->ops(), fd_.get(), offset, bytes, path());
}

void PendingFile::allocate(std::uint64_t size_bytes) {
  if (directory_->ops().allocate(fd_.get(), static_cast<off_t>(size_bytes)) != 0) {
    throw Error::from_last_errno(fmt::format("cannot take {} bytes of space for '{}'", size_bytes, path()));
  }
}

void PendingFile::sync() {
  if (!fd_) {
    fd_ = UniqueFd(directory_->ops().open(directory_->fd(), temp_name_.c_str(), O_WRONLY, 0));
    if (!fd_) throw Error::from_last_errno(fmt::format("cannot open '{}'", path()));
  }
  if (directory_->ops().fsync(fd_.get()) != 0) throw Error::from_last_errno(fmt::format("cannot sync '{}'", path()));
}

void PendingFile::publish(const std::string& name) {
  const int dir_fd = directory_->fd();
  if (directory_->ops().rename(dir_fd, temp_name_.c_str(), dir_fd, name.c_str()) != 0) {
    throw Error::from_last_errno(fmt::format("cannot rename '{}' to '{}'", path(), name));
  }
  temp_name_.clear();
}

void write_exactly_at(FileOps& ops, int fd, std::uint64_t offset, std::span<const std::byte> bytes,
                      std::string_view path) {
  while (!bytes.empty()) {
    const ssize_t written = ops.pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno(fmt::format("cannot write '{}'", path));
    }
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void read_exactly_at(int fd, std::uint64_t offset, std::span<std::byte> out, std::string_view path) {
  while (!out.empty()) {
    const ssize_t count = ::pread(fd, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno(fmt::format("cannot read '{}'", path));
    }
    if (count == 0) {
      throw Error(Errc::malformed,
                  fmt::format("'{}' ends at byte {}, {} more were expected", path, offset, out.size()));
    }
    offset += static_cast<std::uint64_t>(count);
    out = out.subspan(static_cast<std::size_t>(count));
  }
}

std::uint64_t file_size_bytes(int fd, std::string_view path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) throw Error::from_last_errno(fmt::format("cannot stat '{}'", path));
  if (!S_ISREG(st.st_mode)) throw Error(Errc::invalid_argument, fmt::format("'{}' is not a regular file", path));
  return static_cast<std::uint64_t>(st.st_size);
}

}  // namespace pfcache
