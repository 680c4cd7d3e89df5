#include "config/toml_reader.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

/// The parser makes a table in a table of each part of a dotted key, and takes them apart again by recursion.
void require_few_dots(std::string_view text, std::string_view name) {
  constexpr std::ptrdiff_t kMaxDotsOfLine = 256;
  std::uint32_t line = 1;
  for (std::size_t at = 0; at < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (std::ranges::count(text.substr(at, end - at), '.') > kMaxDotsOfLine) {
      throw Error(Errc::malformed, fmt::format("{}: line {}: more than {} dots", name, line, kMaxDotsOfLine));
    }
    at = end + 1;
  }
}

toml::table parse(std::string_view text, std::string_view name) {
  require_few_dots(text, name);
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    throw Error(Errc::malformed, fmt::format("{}: line {}: {}", name, error.source().begin.line, error.description()));
  }
}

TomlValue value_of(const toml::node& node) {
  if (const toml::table* table = node.as_table(); table != nullptr && table->empty()) return TomlEmptyTable{};
  if (const auto text = node.value_exact<std::string>()) return *text;
  if (const auto number = node.value_exact<std::int64_t>()) return *number;
  if (const auto flag = node.value_exact<bool>()) return *flag;
  return {};
}

/// A part of a key. One with a dot inside is none of the keys that tables make, and must not look like one.
std::string part_of(std::string_view key) {
  return key.find('.') == std::string_view::npos ? std::string(key) : fmt::format("\"{}\"", key);
}

void add_entries(const toml::table& table, const std::string& prefix, int depth, std::vector<TomlEntry>& entries) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + part_of(key.str());
    const toml::table* inner = node.as_table();
    if (inner != nullptr && !inner->empty() && depth < kMaxKeyParts) {
      add_entries(*inner, name + ".", depth + 1, entries);
    } else {
      entries.push_back({name, value_of(node), key.source().begin.line});
    }
  }
}

}  // namespace

std::vector<TomlEntry> read_toml(std::string_view text, std::string_view name) {
  std::vector<TomlEntry> entries;
  add_entries(parse(text, name), "", 1, entries);
  std::ranges::stable_sort(entries, {}, &TomlEntry::line);
  return entries;
}

}  // namespace pfcache
