// Bytes that can be read at any place: a file, or memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace pfcache {

class ByteSource {
 public:
  ByteSource() = default;
  ByteSource(const ByteSource&) = delete;
  ByteSource& operator=(const ByteSource&) = delete;
  virtual ~ByteSource();

  [[nodiscard]] virtual std::uint64_t size_bytes() const noexcept = 0;

  /// Fills `out` with the bytes at `offset`. REQUIRES: they lie within size_bytes().
  /// Throws: Errc::busy when a file has become shorter than it was; system errors.
  virtual void read_at(std::uint64_t offset, std::span<std::byte> out) const = 0;
};

/// Borrows the bytes.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return bytes_.size(); }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  std::span<const std::byte> bytes_;
};

/// Borrows the descriptor. Never maps the file: one that somebody truncates would take the process with it.
class FileSource final : public ByteSource {
 public:
  FileSource(int fd, std::uint64_t size_bytes, std::string path)
      : fd_(fd), size_bytes_(size_bytes), path_(std::move(path)) {}
  [[nodiscard]] std::uint64_t size_bytes() const noexcept override { return size_bytes_; }
  void read_at(std::uint64_t offset, std::span<std::byte> out) const override;

 private:
  int fd_;
  std::uint64_t size_bytes_;
  std::string path_;
};

}  // namespace pfcache
