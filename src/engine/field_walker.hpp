// Reading a binary file field by field, where each length is checked against what is left before it is believed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/byte_source.hpp"
#include "pfcache/error.hpp"

namespace pfcache {

/// Of all bytes of a file that are not row data: a limit checked before they are kept.
inline constexpr std::uint64_t kMaxSurroundingsBytes = std::uint64_t{256} << 20;

/// Walks over a file once, from its start to its end. Fields are read; row data is passed over. The file may be there
/// as a whole, or as its *surroundings*: everything but the row data, whose size then follows from the fields alone.
class FieldWalker {
 public:
  enum class Source { whole_file, surroundings };

  /// `file_bytes` is the size of the whole file. REQUIRES: `bytes` and `path` outlive this object.
  FieldWalker(const ByteSource& bytes, Source source, std::uint64_t file_bytes, std::string_view path)
      : bytes_(bytes), source_(source), file_bytes_(file_bytes), path_(path) {}

  /// Where the next field starts in the file.
  [[nodiscard]] std::uint64_t offset() const noexcept { return offset_; }

  /// The next integer, little-endian. Throws: Errc::malformed, at the end of the file.
  [[nodiscard]] std::uint32_t u32(std::string_view field);
  [[nodiscard]] std::uint64_t u64(std::string_view field);

  /// The next integer, a number of things of at least `bytes_each` bytes that follow it.
  /// Throws: Errc::malformed when it is above `limit` or they can't fit.
  [[nodiscard]] std::uint32_t count(std::string_view field, std::uint32_t limit, std::uint64_t bytes_each);

  /// Passes over bytes that are a part of the surroundings but mean nothing here.
  void pass(std::uint64_t size_bytes, std::string_view field);

  /// Passes over row data and returns where it starts. Throws: Errc::malformed when the file is too short for it.
  std::uint64_t pass_rows(std::uint64_t size_bytes, std::string_view field);

  /// Throws: Errc::malformed unless everything has been read.
  void expect_end() const;

  /// Throws an error about the field that was read last.
  [[noreturn]] void refuse(Errc code, std::string_view field, std::string_view expected, std::string_view found) const;

  /// What was read of a whole file: all of it but the row data.
  [[nodiscard]] std::vector<std::byte> take_surroundings() noexcept { return std::move(surroundings_); }

 private:
  static constexpr std::size_t kBufferBytes = 4096;

  [[nodiscard]] std::uint64_t left_bytes() const noexcept;
  [[nodiscard]] std::uint64_t position() const noexcept;
  std::span<const std::byte> take(std::size_t size_bytes, std::string_view field);
  void require(std::uint64_t size_bytes, std::string_view field);

  const ByteSource& bytes_;
  Source source_;
  std::uint64_t file_bytes_;
  std::string_view path_;
  std::uint64_t offset_ = 0;        // in the file
  std::uint64_t field_offset_ = 0;  // of the field read last
  std::uint64_t row_bytes_ = 0;     // passed so far
  std::vector<std::byte> surroundings_;
  std::array<std::byte, kBufferBytes> buffer_{};
  std::uint64_t buffer_position_ = 0;
  std::uint64_t buffered_bytes_ = 0;
};

}  // namespace pfcache
