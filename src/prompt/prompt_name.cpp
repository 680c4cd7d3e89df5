#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/hex.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/error.hpp"
#include "pfcache/prompt_file.hpp"

namespace pfcache {
namespace {

constexpr std::array<std::string_view, 2> kSuffixes = {".kv", ".kvd"};  // by PromptForm
constexpr std::array<std::string_view, 7> kReasons = {"unknown",  "cold",         "continued",    "evict",
                                                      "shutdown", "agent-system", "agent-session"};

}  // namespace

std::optional<PromptKey> PromptKey::try_parse(std::string_view text) noexcept {
  PromptKey key;
  if (!from_hex(text, key.bytes_)) return std::nullopt;
  return key;
}

PromptKey PromptKey::parse(std::string_view text) {
  if (const auto key = try_parse(text)) return *key;
  throw Error(Errc::invalid_argument,
              fmt::format("a prompt's key: expected 40 lower-case hex digits, found '{}'", text.substr(0, 60)));
}

std::string PromptKey::hex() const { return to_hex(bytes_); }

std::string_view name_of(SaveReason reason) noexcept {
  const auto index = static_cast<std::size_t>(reason);
  return index < kReasons.size() ? kReasons[index] : kReasons[0];
}

std::optional<SaveReason> save_reason_named(std::string_view name) noexcept {
  const auto found = std::find(kReasons.begin(), kReasons.end(), name);
  if (found == kReasons.end()) return std::nullopt;
  return static_cast<SaveReason>(found - kReasons.begin());
}

std::optional<PromptName> PromptName::parse(std::string_view file_name) noexcept {
  const std::size_t dot = std::min(file_name.find('.'), file_name.size());
  const auto key = PromptKey::try_parse(file_name.substr(0, dot));
  const auto suffix = std::find(kSuffixes.begin(), kSuffixes.end(), file_name.substr(dot));
  if (!key || suffix == kSuffixes.end()) return std::nullopt;
  return PromptName{*key, static_cast<PromptForm>(suffix - kSuffixes.begin())};
}

std::string PromptName::file_name() const {
  return fmt::format("{}{}", key.hex(), kSuffixes.at(static_cast<std::size_t>(form)));
}

}  // namespace pfcache
