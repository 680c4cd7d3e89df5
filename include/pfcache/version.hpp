// Which pfcache this is.
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// The library's version, e.g. `0.1.0`.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace pfcache
#pragma GCC visibility pop
