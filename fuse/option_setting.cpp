#include "fuse/option_setting.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "pfcache/error.hpp"

namespace pfcache::fuse {
namespace {

constexpr std::string_view kEscaped = ",\\\"";

bool is_escape(std::string_view text, std::size_t at) {
  return text[at] == '\\' && at + 1 < text.size() && kEscaped.find(text[at + 1]) != std::string_view::npos;
}

// Where the first setting of `list` ends.
std::size_t end_of_first(std::string_view list) {
  bool is_quoted = false;
  std::size_t at = 0;
  for (; at < list.size() && (is_quoted || list[at] != ','); ++at) {
    if (is_escape(list, at)) {
      ++at;
    } else if (list[at] == '"') {
      is_quoted = !is_quoted;
    }
  }
  if (is_quoted) throw Error(Errc::invalid_argument, fmt::format("option '{}': a quote is not closed", list));
  return at;
}

std::string without_marks(std::string_view value) {
  std::string plain;
  for (std::size_t at = 0; at < value.size(); ++at) {
    if (is_escape(value, at)) {
      plain += value[++at];
    } else if (value[at] != '"') {
      plain += value[at];
    }
  }
  return plain;
}

}  // namespace

OptionSetting parse_setting(std::string_view text) {
  const std::size_t equals = std::min(text.find('='), text.size());
  OptionSetting setting{std::string(text), std::string(text.substr(0, equals)), std::nullopt};
  if (equals < text.size()) setting.value = without_marks(text.substr(equals + 1));
  return setting;
}

std::vector<OptionSetting> parse_settings(std::string_view list) {
  std::vector<OptionSetting> settings;
  while (!list.empty()) {
    const std::size_t end = end_of_first(list);
    if (end > 0) settings.push_back(parse_setting(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return settings;
}

}  // namespace pfcache::fuse
