#include "prompt/payload_checksum.hpp"

#include <fmt/format.h>
#include <sys/xattr.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "pfcache/prompt_file.hpp"

namespace pfcache {
namespace {

constexpr const char* kAttribute = "user.pfcache.payload";
constexpr std::string_view kPrefix = "sha256-256k:";

bool keeps_no_attributes(int error) noexcept {
  // ENOSPC and EDQUOT too: a payload without a checksum is better than none.
  return error == ENOTSUP || error == ENOSPC || error == EDQUOT || error == EPERM;
}

}  // namespace

void PayloadChecksum::update(std::span<const std::byte> block) {
  std::array<std::span<const std::byte>, kChecksumBlockBytes / kChecksumPieceBytes> pieces;
  std::array<Digest, pieces.size()> digests;
  std::size_t count = 0;
  while (!block.empty()) {
    const std::size_t size = std::min(block.size(), kChecksumPieceBytes);
    pieces.at(count++) = block.first(size);
    block = block.subspan(size);
  }
  sha256_many(std::span(pieces).first(count), std::span(digests).first(count));
  for (const Digest& digest : std::span(digests).first(count)) pieces_.update(digest.bytes());
}

Digest checksum_of(int fd, std::uint64_t offset, std::uint64_t size_bytes, std::string_view path) {
  std::vector<std::byte> block(std::min<std::uint64_t>(size_bytes, kChecksumBlockBytes));
  PayloadChecksum checksum;
  for (std::uint64_t at = 0; at < size_bytes; at += block.size()) {
    const auto part = std::span(block).first(std::min<std::uint64_t>(block.size(), size_bytes - at));
    read_exactly_at(fd, offset + at, part, path);
    checksum.update(part);
  }
  return checksum.finish();
}

bool write_checksum(FileOps& ops, int fd, const Digest& checksum, std::string_view path) {
  const std::string value = fmt::format("{}{}", kPrefix, checksum.hex());
  if (ops.set_attribute(fd, kAttribute, value.data(), value.size()) == 0) return true;
  if (keeps_no_attributes(errno)) return false;
  throw Error::from_last_errno(fmt::format("cannot give '{}' a checksum", path));
}

std::optional<Digest> read_checksum(int fd) noexcept {
  std::array<char, kPrefix.size() + Digest::kHexChars> value{};
  const ssize_t size = ::fgetxattr(fd, kAttribute, value.data(), value.size());
  const std::string_view text(value.data(), size < 0 ? 0 : static_cast<std::size_t>(size));
  if (!text.starts_with(kPrefix) || text.size() != value.size()) return std::nullopt;
  return Digest::try_parse(text.substr(kPrefix.size()));
}

bool verify_prompt_payload(int fd, const PromptInfo& info, std::string_view path) {
  const auto checksum = read_checksum(fd);
  if (!checksum) return false;
  if (checksum_of(fd, info.payload_offset(), info.header.payload_bytes, path) == *checksum) return true;
  throw Error(Errc::damaged, fmt::format("'{}': the payload is not what was saved", path));
}

void drop_prompt_checksum(int fd, std::string_view path) {
  if (system_file_ops().remove_attribute(fd, kAttribute) == 0 || errno == ENODATA || errno == ENOTSUP) return;
  throw Error::from_last_errno(fmt::format("cannot take the checksum of '{}' away", path));
}

}  // namespace pfcache
