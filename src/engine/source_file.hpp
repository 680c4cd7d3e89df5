// An engine's file that is being captured, as one picture that does not change under its reader.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>

#include "base/phase_counter.hpp"
#include "engine/byte_source.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/digest.hpp"
#include "pfcache/unique_fd.hpp"

namespace pfcache {

/// Engines write their files in place, without locks, and may do so at any time. A file that fits the memory limit is
/// read once, hashed, and used from that copy. A larger one is hashed, read in pieces by its user, and hashed again
/// by check_unchanged(): what was read in between is then what was hashed. The time of its last change is compared
/// too, because bytes that change and change back leave no trace in the hash.
class SourceFile {
 public:
  /// Opens, reads and hashes `path`. Throws: Errc::not_found; Errc::invalid_argument when it is no regular
  /// file; Errc::busy; Errc::interrupted; system errors.
  SourceFile(const std::filesystem::path& path, const CaptureOptions& options);

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] const ByteSource& bytes() const noexcept { return *bytes_; }
  [[nodiscard]] const Digest& digest() const noexcept { return digest_; }

  /// Bytes of memory that the copy takes; 0 when there is none.
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept { return copy_ ? bytes_->size_bytes() : 0; }

  /// Throws: Errc::busy when what was read from bytes() may not be what digest() is of; Errc::interrupted.
  void check_unchanged(const CaptureOptions& options) const;

 private:
  [[nodiscard]] struct stat status() const;
  void check_status() const;
  void read_copy(const std::stop_token& stop, PhaseCounter& read);

  std::string path_;
  UniqueFd fd_;
  struct stat opened_ {};
  std::unique_ptr<std::byte[]> copy_;
  std::unique_ptr<ByteSource> bytes_;
  Digest digest_;
};

/// Opens a file for reading without waiting for anything, whatever it is. Throws: Errc::not_found; system errors.
[[nodiscard]] UniqueFd open_for_reading(const std::filesystem::path& path);

/// The SHA-256 of all of `source`, whose bytes are counted in `hashed`. Throws: Errc::interrupted; as
/// ByteSource::read_at.
[[nodiscard]] Digest hash_source(const ByteSource& source, const std::stop_token& stop, PhaseCounter& hashed);

}  // namespace pfcache
