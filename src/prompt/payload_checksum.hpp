// The checksum of a payload: the SHA-256 of the SHA-256s of its pieces of 256 KiB, which can be made many pieces at a
// time, and so several times faster than of one stream.
//
// It is kept in an extended attribute of the file, `user.pfcache.payload` = `sha256-256k:` and 64 hex digits. Other
// than a file beside, it goes with the file through renames, is gone when another program replaces the file, so that it
// is never that of an older payload, and never stands in the way of programs that list the directory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/file_ops.hpp"
#include "pfcache/digest.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache {

inline constexpr std::size_t kChecksumPieceBytes = std::size_t{256} << 10;
inline constexpr std::size_t kChecksumBlockBytes = 16 * kChecksumPieceBytes;

class PayloadChecksum {
 public:
  /// REQUIRES: at most kChecksumBlockBytes; a multiple of kChecksumPieceBytes but for the last.
  void update(std::span<const std::byte> block);

  /// REQUIRES: once, at the end.
  [[nodiscard]] Digest finish() noexcept { return pieces_.finish(); }

 private:
  Sha256 pieces_;
};

/// The checksum of a part of an open file. Throws: Errc::malformed when the file is shorter; system errors.
[[nodiscard]] Digest checksum_of(int fd, std::uint64_t offset, std::uint64_t size_bytes, std::string_view path);

/// False where the filesystem keeps no such attributes. Throws: other system errors.
bool write_checksum(FileOps& ops, int fd, const Digest& checksum, std::string_view path);

/// Nothing when there is none that we understand.
[[nodiscard]] std::optional<Digest> read_checksum(int fd) noexcept;

}  // namespace pfcache
