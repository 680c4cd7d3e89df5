#include "pfcache/page_files.hpp"

#include <fmt/format.h>

#include <charconv>

namespace pfcache {

std::string page_file_name(PageIndex ix) { return fmt::format("{:04}", ix.value); }

std::optional<PageIndex> parse_page_file_name(std::string_view name) noexcept {
  constexpr std::size_t kMinDigits = 4;
  constexpr std::size_t kMaxDigits = 10;
  if (name.size() < kMinDigits || name.size() > kMaxDigits) return std::nullopt;
  if (name.size() > kMinDigits && name.front() == '0') return std::nullopt;
  PageIndex ix;
  const char* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data(), end, ix.value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return ix;
}

}  // namespace pfcache
