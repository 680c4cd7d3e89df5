#include "snapshot/staged_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

FileStamp stamp_from(const struct stat& st, const std::string& path) {
  if (!S_ISREG(st.st_mode)) throw Error(Errc::mismatch, fmt::format("'{}' is not a regular file", path));
  return stamp_of(st);
}

FileStamp stamp_of_open(int fd, const std::string& path) {
  struct stat st {};
  if (::fstat(fd, &st) != 0) throw Error::from_last_errno(fmt::format("cannot stat '{}'", path));
  return stamp_from(st, path);
}

}  // namespace

std::optional<FileStamp> stamp_of(const Directory& directory, const std::string& name) {
  struct stat st {};
  if (::fstatat(directory.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0) {
    return stamp_from(st, directory.path_of(name));
  }
  if (errno == ENOENT) return std::nullopt;
  throw Error::from_last_errno(fmt::format("cannot stat '{}'", directory.path_of(name)));
}

bool is_regular_file(const Directory& directory, const std::string& name) noexcept {
  struct stat st {};
  return ::fstatat(directory.fd(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
}

std::optional<StagedFile> StagedFile::open(const Directory& directory, const std::string& name) {
  std::string path = directory.path_of(name);
  UniqueFd fd(::openat(directory.fd(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    if (errno == ELOOP) throw Error(Errc::mismatch, fmt::format("'{}' is a symlink", path));
    throw Error::from_last_errno(fmt::format("cannot open '{}'", path));
  }
  const FileStamp stamp = stamp_of_open(fd.get(), path);
  return StagedFile(std::move(fd), std::move(path), stamp);
}

// A read lease is given for a file that nobody has open for writing; a mapping counts. Whoever opens it in the instant
// before the lease is given back waits for that, and we would be told by a signal: one that is ignored.
bool StagedFile::is_settled() const noexcept {
  if (::fcntl(fd_.get(), F_SETSIG, SIGURG) != 0) return false;
  if (::fcntl(fd_.get(), F_SETLEASE, F_RDLCK) != 0) return false;
  return ::fcntl(fd_.get(), F_SETLEASE, F_UNLCK) == 0;
}

bool StagedFile::is_unchanged() const { return stamp_of_open(fd_.get(), path_) == stamp_; }

void StagedFile::read(std::span<std::byte> out) const {
  std::uint64_t offset = 0;
  while (offset < out.size()) {
    const auto rest = out.subspan(offset);
    const ssize_t count = ::pread(fd_.get(), rest.data(), rest.size(), static_cast<off_t>(offset));
    if (count < 0) {
      if (errno == EINTR) continue;
      throw Error::from_last_errno(fmt::format("cannot read '{}'", path_));
    }
    if (count == 0) throw Error(Errc::mismatch, fmt::format("'{}' became shorter while it was read", path_));
    offset += static_cast<std::uint64_t>(count);
  }
}

}  // namespace pfcache
