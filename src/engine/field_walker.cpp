#include "engine/field_walker.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"

namespace pfcache {

std::uint64_t FieldWalker::position() const noexcept {
  return source_ == Source::whole_file ? offset_ : offset_ - row_bytes_;
}

std::uint64_t FieldWalker::left_bytes() const noexcept {
  return std::min(file_bytes_ - offset_, bytes_.size_bytes() - position());
}

void FieldWalker::refuse(Errc code, std::string_view field, std::string_view expected, std::string_view found) const {
  throw Error(code,
              fmt::format("{}: at byte {}: {}: expected {}, found {}", path_, field_offset_, field, expected, found));
}

void FieldWalker::require(std::uint64_t size_bytes, std::string_view field) {
  field_offset_ = offset_;
  if (size_bytes <= left_bytes()) return;
  refuse(Errc::malformed, field, fmt::format("{} bytes", size_bytes), fmt::format("{} to the end", left_bytes()));
}

std::span<const std::byte> FieldWalker::take(std::size_t size_bytes, std::string_view field) {
  require(size_bytes, field);
  const std::uint64_t at = position();
  if (at < buffer_position_ || at + size_bytes > buffer_position_ + buffered_bytes_) {
    buffered_bytes_ = std::min<std::uint64_t>(kBufferBytes, bytes_.size_bytes() - at);
    buffer_position_ = at;
    bytes_.read_at(at, std::span(buffer_).first(buffered_bytes_));
  }
  const auto taken = std::span<const std::byte>(buffer_).subspan(at - buffer_position_, size_bytes);
  if (source_ == Source::whole_file) {
    if (surroundings_.size() + size_bytes > kMaxSurroundingsBytes) {
      refuse(Errc::malformed, field, fmt::format("at most {} bytes that are not rows", kMaxSurroundingsBytes), "more");
    }
    surroundings_.insert(surroundings_.end(), taken.begin(), taken.end());
  }
  offset_ += size_bytes;
  return taken;
}

std::uint32_t FieldWalker::u32(std::string_view field) { return load_le<std::uint32_t>(take(4, field)); }

std::uint64_t FieldWalker::u64(std::string_view field) { return load_le<std::uint64_t>(take(8, field)); }

std::uint32_t FieldWalker::count(std::string_view field, std::uint32_t limit, std::uint64_t bytes_each) {
  const std::uint32_t value = u32(field);
  if (value > limit) refuse(Errc::malformed, field, fmt::format("at most {}", limit), std::to_string(value));
  if (value * bytes_each > left_bytes()) {
    refuse(Errc::malformed, field, fmt::format("at most {}, which is what fits the file", left_bytes() / bytes_each),
           std::to_string(value));
  }
  return value;
}

void FieldWalker::pass(std::uint64_t size_bytes, std::string_view field) {
  require(size_bytes, field);
  while (size_bytes > 0) {
    const std::uint64_t piece = std::min<std::uint64_t>(size_bytes, kBufferBytes);
    take(piece, field);
    size_bytes -= piece;
  }
}

std::uint64_t FieldWalker::pass_rows(std::uint64_t size_bytes, std::string_view field) {
  field_offset_ = offset_;
  if (size_bytes > file_bytes_ - offset_) {
    refuse(Errc::malformed, field, fmt::format("{} bytes", size_bytes),
           fmt::format("{} to the end", file_bytes_ - offset_));
  }
  offset_ += size_bytes;
  row_bytes_ += size_bytes;
  return field_offset_;
}

void FieldWalker::expect_end() const {
  if (offset_ == file_bytes_ && position() == bytes_.size_bytes()) return;
  throw Error(Errc::malformed, fmt::format("{}: at byte {}: end: expected no more bytes, found {}", path_, offset_,
                                           std::max(file_bytes_ - offset_, bytes_.size_bytes() - position())));
}

}  // namespace pfcache
