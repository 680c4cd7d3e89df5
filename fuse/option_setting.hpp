// One option of a list as mount(8) and fstab(5) have them: `ro,hot_size=1G,hot=/a\,b,context="a:b:c0,c1"`.
//
// Plain values without shared state, for any thread. Throws: Errc::invalid_argument for a list that is none.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pfcache::fuse {

struct OptionSetting {
  std::string text;                  ///< as it was given
  std::string name;                  ///< what stands before "="
  std::optional<std::string> value;  ///< what stands behind it, without quotes and escapes
};

/// What `text` alone says.
[[nodiscard]] OptionSetting parse_setting(std::string_view text);

/// The settings of a list, in its order; empty ones are left out. A comma is part of a value behind a backslash and
/// between double quotes, as for mount(8).
/// Throws: Errc::invalid_argument for a quote that isn't closed.
[[nodiscard]] std::vector<OptionSetting> parse_settings(std::string_view list);

}  // namespace pfcache::fuse
