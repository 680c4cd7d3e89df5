#include "cas/planes_codec.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/bytes.hpp"
#include "cas/byte_planes.hpp"
#include "cas/scratch.hpp"
#include "cas/zstd_codec.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::string_view kMagic = "PFZP";
constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kMaxPlanes = 4;
constexpr std::size_t kFixedHeaderBytes = 16;

constexpr std::size_t header_bytes(std::size_t width) noexcept { return kFixedHeaderBytes + 8 * width; }

[[noreturn]] void refuse(std::string_view path, std::string_view what) {
  throw Error(Errc::damaged, fmt::format("blob file '{}': {}", path, what));
}

struct Header {
  std::uint64_t plain_bytes = 0;
  std::array<std::uint64_t, kMaxPlanes> stored_bytes{};  // of each plane
};

Header read_header(std::span<const std::byte> stored, std::size_t width, std::string_view path) {
  if (stored.size() < header_bytes(width)) {
    refuse(path, fmt::format("expected a header of {} bytes, found {}", header_bytes(width), stored.size()));
  }
  if (as_text(stored.first(4)) != kMagic) refuse(path, fmt::format("does not begin with '{}'", kMagic));
  const auto version = load_le<std::uint8_t>(stored.subspan(4));
  if (version != kVersion) refuse(path, fmt::format("expected version {}, found {}", kVersion, version));
  const auto found_width = load_le<std::uint8_t>(stored.subspan(5));
  if (found_width != width) refuse(path, fmt::format("expected elements of {} bytes, found {}", width, found_width));
  if (load_le<std::uint16_t>(stored.subspan(6)) != 0) refuse(path, "bytes 6 and 7 are not 0");

  Header header;
  header.plain_bytes = load_le<std::uint64_t>(stored.subspan(8));
  // Checked one by one against what is there, so that their sum can't overflow.
  std::uint64_t left = stored.size() - header_bytes(width);
  for (std::size_t plane = 0; plane < width; ++plane) {
    const auto size = load_le<std::uint64_t>(stored.subspan(kFixedHeaderBytes + 8 * plane));
    if (size > left) refuse(path, fmt::format("plane {}: {} bytes are promised, {} are left", plane, size, left));
    if (size > header.plain_bytes / width) {
      refuse(path, fmt::format("plane {}: {} bytes stored for {} plain ones", plane, size, header.plain_bytes / width));
    }
    header.stored_bytes[plane] = size;
    left -= size;
  }
  if (left != header.plain_bytes % width) {
    refuse(path, fmt::format("expected {} bytes after the planes, found {}", header.plain_bytes % width, left));
  }
  return header;
}

// A plane of noise is recognised by a piece of it, so that nobody compresses it all in vain. The fine end of a bf16
// mantissa would give 4 % and cost every reader half of its speed: not worth it.
constexpr std::size_t kSampleBytes = 16 << 10;
constexpr double kWorthwhile = 0.95;

bool is_worth_compressing(std::span<const std::byte> plane) {
  if (plane.size() <= 2 * kSampleBytes) return true;
  const auto sample = plane.subspan(plane.size() / 2, kSampleBytes);
  return static_cast<double>(zstd_literals_bytes(sample)) < kWorthwhile * static_cast<double>(sample.size());
}

}  // namespace

std::vector<std::byte> planes_encode(std::span<const std::byte> plain, std::size_t width) {
  const std::size_t plane_bytes = plain.size() / width;
  const std::size_t rest = plain.size() % width;
  Scratch scratch(plane_bytes * width);
  split_planes(width, plain.first(plane_bytes * width), scratch.bytes());

  std::vector<std::byte> out;
  out.reserve(header_bytes(width) + plain.size());
  out.resize(header_bytes(width));
  std::ranges::copy(as_bytes(kMagic), out.begin());
  store_le(kVersion, std::span(out).subspan(4));
  store_le(static_cast<std::uint8_t>(width), std::span(out).subspan(5));
  store_le(std::uint64_t{plain.size()}, std::span(out).subspan(8));
  for (std::size_t plane = 0; plane < width; ++plane) {
    const auto bytes = std::span<const std::byte>(scratch.bytes()).subspan(plane * plane_bytes, plane_bytes);
    const std::size_t before = out.size();
    if (is_worth_compressing(bytes)) append_zstd_literals(out, bytes);
    if (out.size() == before || out.size() - before >= plane_bytes) {
      out.resize(before);
      out.insert(out.end(), bytes.begin(), bytes.end());
    }
    store_le(std::uint64_t{out.size() - before}, std::span(out).subspan(kFixedHeaderBytes + 8 * plane));
  }
  const auto tail = plain.last(rest);
  out.insert(out.end(), tail.begin(), tail.end());
  return out;
}

std::uint64_t planes_max_stored_bytes(std::size_t width, std::uint64_t plain_bytes) noexcept {
  return header_bytes(width) + plain_bytes;
}

std::uint64_t planes_plain_bytes(std::span<const std::byte> stored, std::size_t width, std::string_view path) {
  return read_header(stored, width, path).plain_bytes;
}

void planes_decode_into(std::span<const std::byte> stored, std::size_t width, std::span<std::byte> out,
                        std::string_view path) {
  const Header header = read_header(stored, width, path);
  if (header.plain_bytes != out.size()) {
    refuse(path, fmt::format("expected {} plain bytes, found {}", out.size(), header.plain_bytes));
  }
  const std::size_t plane_bytes = out.size() / width;
  Scratch scratch(plane_bytes * width);
  std::array<const std::byte*, kMaxPlanes> planes{};
  std::size_t at = header_bytes(width);
  for (std::size_t plane = 0; plane < width; ++plane) {
    const auto bytes = stored.subspan(at, header.stored_bytes[plane]);
    at += bytes.size();
    if (bytes.size() == plane_bytes) {
      planes[plane] = bytes.data();  // merged from where it lies
      continue;
    }
    const auto room = scratch.bytes().subspan(plane * plane_bytes, plane_bytes);
    zstd_decode_into(bytes, room, path);
    planes[plane] = room.data();
  }
  merge_planes(std::span(planes).first(width), out.first(plane_bytes * width));
  std::copy_n(stored.begin() + static_cast<std::ptrdiff_t>(at), out.size() % width,
              out.begin() + static_cast<std::ptrdiff_t>(plane_bytes * width));
}

}  // namespace pfcache
