// Numbers of bytes as people write them. Functions without state, for any thread.
//
// Example:
//
//   #include <pfcache/size.hpp>
//   #include <iostream>
//
//   int main() {
//     if (const auto budget = pfcache::parse_size("64K")) std::cout << *budget << " bytes\n";  // prints 65536 bytes
//   }
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace pfcache {

/// `4096`, `512K`, `64MiB`, `4G`: one whole number and at most one unit of B, K, M, G, T or KiB, MiB, GiB, TiB, PiB, in
/// powers of 1024. Nothing for any other text, nor for what 64 bits can't hold.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

/// What parse_size() reads as the same number, in the largest unit that it is a whole number of: `8GiB`, `4097`.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace pfcache
#pragma GCC visibility pop
