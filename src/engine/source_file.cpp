#include "engine/source_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/directory.hpp"
#include "base/parallel.hpp"
#include "pfcache/error.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {
namespace {

constexpr std::uint64_t kReadBytes = std::uint64_t{1} << 20;

}  // namespace

UniqueFd open_for_reading(const std::filesystem::path& path) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (fd < 0 && errno == EINTR);
  if (fd >= 0) return UniqueFd(fd);
  const int error = errno;
  if (error == ENOENT) throw Error(Errc::not_found, fmt::format("file '{}'", path.native()));
  throw Error::from_errno(error, fmt::format("cannot open '{}'", path.native()));
}

Digest hash_source(const ByteSource& source, const std::stop_token& stop, PhaseCounter& hashed) {
  Sha256 hash;
  std::vector<std::byte> buffer(std::min(kReadBytes, source.size_bytes()));
  for (std::uint64_t offset = 0; offset < source.size_bytes(); offset += buffer.size()) {
    throw_if_stopped(stop);
    const auto piece = std::span(buffer).first(std::min<std::uint64_t>(buffer.size(), source.size_bytes() - offset));
    source.read_at(offset, piece);
    hash.update(piece);
    hashed.add(piece.size());
  }
  return hash.finish();
}

SourceFile::SourceFile(const std::filesystem::path& path, const CaptureOptions& options)
    : path_(path.native()), fd_(open_for_reading(path)) {
  const std::uint64_t size = file_size_bytes(fd_.get(), path_);
  opened_ = status();
  bytes_ = std::make_unique<FileSource>(fd_.get(), size, path_);
  PhaseCounter read(options.on_progress, {.phase = "read", .total = size});
  if (size <= options.memory_limit_bytes) {
    read_copy(options.stop, read);
  } else {
    digest_ = hash_source(*bytes_, options.stop, read);
  }
  check_status();
}

void SourceFile::read_copy(const std::stop_token& stop, PhaseCounter& read) {
  const std::uint64_t size = bytes_->size_bytes();
  copy_ = std::make_unique_for_overwrite<std::byte[]>(size);
  const std::span<std::byte> all(copy_.get(), size);
  Sha256 hash;
  for (std::uint64_t offset = 0; offset < size; offset += kReadBytes) {
    throw_if_stopped(stop);
    const auto piece = all.subspan(offset, std::min(kReadBytes, size - offset));
    bytes_->read_at(offset, piece);
    hash.update(piece);
    read.add(piece.size());
  }
  digest_ = hash.finish();
  bytes_ = std::make_unique<MemorySource>(all);
}

struct stat SourceFile::status() const {
  struct stat st {};
  if (::fstat(fd_.get(), &st) != 0) throw Error::from_last_errno(fmt::format("cannot stat '{}'", path_));
  return st;
}

void SourceFile::check_status() const {
  const struct stat now = status();
  if (now.st_size != opened_.st_size) {
    throw Error(Errc::busy, fmt::format("'{}' changed while it was read: it had {} bytes and now has {}", path_,
                                        opened_.st_size, now.st_size));
  }
  if (now.st_mtim.tv_sec != opened_.st_mtim.tv_sec || now.st_mtim.tv_nsec != opened_.st_mtim.tv_nsec) {
    throw Error(Errc::busy, fmt::format("'{}' changed while it was read: it was written to", path_));
  }
}

void SourceFile::check_unchanged(const CaptureOptions& options) const {
  if (copy_) return;
  check_status();
  PhaseCounter hashed(options.on_progress, {.phase = "check", .total = bytes_->size_bytes()});
  const Digest now = hash_source(*bytes_, options.stop, hashed);
  if (now != digest_) {
    throw Error(Errc::busy, fmt::format("'{}' changed while it was read: its SHA-256 was {} and now is {}", path_,
                                        digest_.hex(), now.hex()));
  }
}

}  // namespace pfcache
