// Which pfcache this is.
//
// Example:
//
//   #include <pfcache/version.hpp>
//
//   int main() { return pfcache::version().empty() ? 1 : 0; }
#pragma once

#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// The library's version, e.g. `0.1.0`.
[[nodiscard]] std::string_view version() noexcept;

}  // namespace pfcache
#pragma GCC visibility pop
