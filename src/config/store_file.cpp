#include "config/store_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pfcache/error.hpp"

namespace pfcache {
namespace {

constexpr std::array<std::string_view, 3> kOwnKeys = {"format", "profile", "adopted"};

const TomlEntry* find_entry(std::span<const TomlEntry> entries, std::string_view key) noexcept {
  const auto found = std::ranges::find(entries, key, &TomlEntry::key);
  return found == entries.end() ? nullptr : &*found;
}

void check_format(std::span<const TomlEntry> entries, const std::string& name) {
  const TomlEntry* entry = find_entry(entries, "format");
  const auto* format = entry == nullptr ? nullptr : std::get_if<std::int64_t>(&entry->value);
  if (format == nullptr) throw Error(Errc::malformed, fmt::format("{}: expected `format = {}`", name, kStoreFormat));
  if (*format > kStoreFormat) {
    throw Error(Errc::unsupported, fmt::format("{}: store format {} is newer than this version, which handles {}", name,
                                               *format, kStoreFormat));
  }
  if (*format < kStoreFormat) {
    throw Error(Errc::malformed, fmt::format("{}: 'format': expected {}, found {}", name, kStoreFormat, *format));
  }
}

void take_profile(const TomlEntry& entry, const LayerFile& file, StoreFile& store) {
  const auto* text = std::get_if<std::string>(&entry.value);
  if (text != nullptr && (*text == "auto" || *text == "pf-core")) {
    store.profile = *text;
  } else {
    store.layer.problems.push_back(wrong_value(file, entry, "\"auto\" or \"pf-core\""));
  }
}

void take_adopted(const TomlEntry& entry, const LayerFile& file, StoreFile& store) {
  if (const auto* flag = std::get_if<bool>(&entry.value)) {
    store.adopted = *flag;
  } else {
    store.layer.problems.push_back(wrong_value(file, entry, "true or false"));
  }
}

}  // namespace

StoreFile read_store_file(std::string_view text, const std::string& name) {
  const std::vector<TomlEntry> entries = read_toml(text, name);
  // The format comes first: what a newer one says can't be judged key by key.
  check_format(entries, name);
  const LayerFile file{ConfigLayer::store, name, kOwnKeys};
  StoreFile store;
  store.layer = read_settings(entries, file);
  if (const TomlEntry* profile = find_entry(entries, "profile")) take_profile(*profile, file, store);
  if (const TomlEntry* adopted = find_entry(entries, "adopted")) take_adopted(*adopted, file, store);
  return store;
}

}  // namespace pfcache
