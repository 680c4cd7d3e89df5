// A TOML text as a list of keys: all that the rest of the library knows of TOML. A function without state, for any
// thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace pfcache {

/// Of a key. What is deeper is told of as one key with nothing in it: no setting has so many.
inline constexpr int kMaxKeyParts = 8;

struct TomlEmptyTable {};

/// Nothing stands for what no setting is: a float, a date, an array, tables that are too deep.
using TomlValue = std::variant<std::monostate, std::string, std::int64_t, bool, TomlEmptyTable>;

struct TomlEntry {
  std::string key;  ///< with the tables it is in: `prompt.budget`
  TomlValue value;
  std::uint32_t line = 0;  ///< from 1
};

/// All keys of `text`, in the order of their lines. Throws: Errc::malformed naming `name` and the line.
[[nodiscard]] std::vector<TomlEntry> read_toml(std::string_view text, std::string_view name);

}  // namespace pfcache
