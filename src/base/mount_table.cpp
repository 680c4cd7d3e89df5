#include "pfcache/mount_table.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

// Fields before the optional ones: id, parent, device, root, mount point, options.
constexpr std::size_t kRoot = 3;
constexpr std::size_t kMountPoint = 4;
constexpr std::size_t kFixedFields = 6;

std::vector<std::string_view> split(std::string_view line) {
  std::vector<std::string_view> fields;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end > 0) fields.push_back(line.substr(0, end));
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return fields;
}

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// The kernel writes blanks and backslashes as \ooo.
std::string unescape(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    const bool is_escape =
        field[i] == '\\' && field.size() - i > 3 && std::all_of(&field[i + 1], &field[i + 1] + 3, is_octal);
    if (!is_escape) {
      text += field[i];
      continue;
    }
    const int value = (field[i + 1] - '0') * 64 + (field[i + 2] - '0') * 8 + (field[i + 3] - '0');
    text += static_cast<char>(value & 0xFF);
    i += 3;
  }
  return text;
}

std::optional<MountEntry> parse_line(std::string_view line) {
  const std::vector<std::string_view> fields = split(line);
  if (fields.size() < kFixedFields) return std::nullopt;
  const auto dash = std::find(fields.begin() + kFixedFields, fields.end(), "-");
  if (fields.end() - dash < 3) return std::nullopt;
  return MountEntry{unescape(fields[kMountPoint]), unescape(dash[2]), unescape(dash[1]), fields[kRoot] == "/"};
}

}  // namespace

std::vector<MountEntry> parse_mount_table(std::string_view mountinfo) {
  std::vector<MountEntry> mounts;
  while (!mountinfo.empty()) {
    const std::size_t end = std::min(mountinfo.find('\n'), mountinfo.size());
    if (auto mount = parse_line(mountinfo.substr(0, end))) mounts.push_back(std::move(*mount));
    mountinfo.remove_prefix(std::min(end + 1, mountinfo.size()));
  }
  return mounts;
}

std::vector<MountEntry> read_mount_table() {
  std::ifstream file("/proc/self/mountinfo");
  if (!file) throw Error::from_last_errno("/proc/self/mountinfo");
  return parse_mount_table(std::string{std::istreambuf_iterator<char>(file), {}});
}

}  // namespace pfcache
