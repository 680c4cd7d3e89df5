#include "fuse/seq_name.hpp"

#include <cstddef>
#include <span>

#include "pfcache/sha256.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::size_t kMaxNameBytes = 255;  // NAME_MAX
constexpr std::size_t kKeptBytes = 180;
constexpr std::size_t kHashHexChars = 16;
constexpr std::size_t kEscapeChars = 3;

bool is_plain(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

void append_escaped(std::string& out, char c) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  const auto byte = static_cast<unsigned char>(c);
  out += '%';
  out += kDigits[byte >> 4U];
  out += kDigits[byte & 0xFU];
}

// The longest prefix of at most kKeptBytes that doesn't end inside an escape.
std::string_view kept_part(std::string_view name) {
  std::string_view kept = name.substr(0, kKeptBytes);
  const std::size_t last = kept.rfind('%');
  if (last != std::string_view::npos && kept.size() - last < kEscapeChars) kept = kept.substr(0, last);
  return kept;
}

}  // namespace

std::string seq_directory_name(std::string_view id) {
  if (id.empty()) return "%";
  std::string name;
  for (std::size_t i = 0; i < id.size(); ++i) {
    const bool is_leading_dot = i == 0 && id[i] == '.';
    if (is_plain(id[i]) && !is_leading_dot) {
      name += id[i];
    } else {
      append_escaped(name, id[i]);
    }
  }
  if (name.size() <= kMaxNameBytes) return name;
  const Digest hash = sha256(std::as_bytes(std::span(id)));
  return std::string(kept_part(name)) + "%%" + hash.hex().substr(0, kHashHexChars);
}

}  // namespace pfcache::fuse
