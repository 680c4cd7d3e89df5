#include "pfcache/digest.hpp"

#include <fmt/format.h>

#include "base/hex.hpp"
#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::string_view kPrefix = "sha256:";

}  // namespace

std::optional<Digest> Digest::try_parse(std::string_view text) noexcept {
  if (text.starts_with(kPrefix)) text.remove_prefix(kPrefix.size());
  Digest digest;
  if (!from_hex(text, digest.bytes_)) return std::nullopt;
  return digest;
}

Digest Digest::parse(std::string_view text) {
  if (const auto digest = try_parse(text)) return *digest;
  constexpr std::size_t kMaxQuoted = 100;
  throw Error(Errc::malformed,
              fmt::format("expected 64 lower-case hex digits with or without 'sha256:' before them, found '{}'",
                          text.substr(0, kMaxQuoted)));
}

std::string Digest::hex() const { return to_hex(bytes_); }

std::string Digest::text() const { return fmt::format("{}{}", kPrefix, hex()); }

}  // namespace pfcache
