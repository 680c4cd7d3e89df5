#include "engine/byte_source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/directory.hpp"
#include "pfcache/error.hpp"

namespace pfcache {

ByteSource::~ByteSource() = default;

void MemorySource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  const auto piece = bytes_.subspan(offset, out.size());
  std::copy(piece.begin(), piece.end(), out.begin());
}

void FileSource::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  try {
    read_exactly_at(fd_, offset, out, path_);
  } catch (const Error& error) {
    if (error.code() != Errc::malformed) throw;
    throw Error(Errc::busy,
                fmt::format("'{}' changed while it was read: it had {} bytes and is shorter now", path_, size_bytes_));
  }
}

}  // namespace pfcache
