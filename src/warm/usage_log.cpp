#include "warm/usage_log.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

const std::string kName = "usage";
constexpr std::string_view kMagic = "PFUSAGE1";
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kHeaderBytes = 3 * kWordBytes;
constexpr std::size_t kMaxChanges = 4096;
constexpr std::uint64_t kMaxFileBytes = std::uint64_t{1} << 20;  // far above: many may append before one starts again

struct Log {
  UsageLog::Usage usage;
  std::size_t changes = 0;
};

/// A sum that can't be negative or overflow, whatever a damaged file says.
std::uint64_t plus(std::uint64_t bytes, std::int64_t change) {
  const std::uint64_t size = change < 0 ? 0 - static_cast<std::uint64_t>(change) : static_cast<std::uint64_t>(change);
  if (change < 0) return bytes - std::min(bytes, size);
  return bytes + std::min(std::numeric_limits<std::uint64_t>::max() - bytes, size);
}

std::optional<Log> parse(std::span<const std::byte> bytes) {
  if (bytes.size() < kHeaderBytes || bytes.size() % kWordBytes != 0) return std::nullopt;
  if (as_text(bytes.first(kWordBytes)) != kMagic) return std::nullopt;
  Log log;
  const auto counted_at = load_le<std::uint64_t>(bytes.subspan(kWordBytes));
  if (counted_at > static_cast<std::uint64_t>(std::chrono::nanoseconds::max() / std::chrono::seconds(1))) {
    return std::nullopt;
  }
  log.usage.counted_at = std::chrono::seconds(counted_at);
  log.usage.bytes = load_le<std::uint64_t>(bytes.subspan(2 * kWordBytes));
  for (std::size_t at = kHeaderBytes; at < bytes.size(); at += kWordBytes) {
    log.usage.bytes = plus(log.usage.bytes, static_cast<std::int64_t>(load_le<std::uint64_t>(bytes.subspan(at))));
    ++log.changes;
  }
  return log;
}

std::optional<Log> read_log(int fd, const std::string& path) {
  const std::uint64_t size_bytes = file_size_bytes(fd, path);
  if (size_bytes > kMaxFileBytes) return std::nullopt;
  std::vector<std::byte> bytes(size_bytes);
  read_exactly_at(fd, 0, bytes, path);
  return parse(bytes);
}

}  // namespace

std::optional<UsageLog::Usage> UsageLog::add(std::int64_t change_bytes) {
  const UniqueFd fd(root_.ops().open(root_.fd(), kName.c_str(), O_RDWR | O_APPEND, 0));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    throw Error::from_last_errno(fmt::format("cannot open '{}'", root_.path_of(kName)));
  }
  std::array<std::byte, kWordBytes> word{};
  store_le(static_cast<std::uint64_t>(change_bytes), word);
  if (root_.ops().write(fd.get(), word.data(), word.size()) != static_cast<ssize_t>(word.size())) return std::nullopt;
  const auto log = read_log(fd.get(), root_.path_of(kName));
  if (!log) return std::nullopt;
  // What another appends between the read and this is not counted, until all is counted again.
  if (log->changes > kMaxChanges) reset(log->usage);
  return log->usage;
}

std::optional<UsageLog::Usage> UsageLog::read() const {
  const auto fd = root_.find_file(kName);
  if (!fd) return std::nullopt;
  const auto log = read_log(fd->get(), root_.path_of(kName));
  return log ? std::optional(log->usage) : std::nullopt;
}

void UsageLog::reset(const Usage& usage) {
  std::array<std::byte, kHeaderBytes> bytes{};
  const std::span<std::byte> room(bytes);
  std::ranges::copy(as_bytes(kMagic), room.begin());
  store_le(static_cast<std::uint64_t>(usage.counted_at.count()), room.subspan(kWordBytes, kWordBytes));
  store_le(usage.bytes, room.subspan(2 * kWordBytes, kWordBytes));
  PendingFile file(root_);
  file.write(bytes);
  file.publish(kName);
}

}  // namespace pfcache
