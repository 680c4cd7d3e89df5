// Lower-case hexadecimal.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace pfcache {

[[nodiscard]] std::string to_hex(std::span<const std::byte> bytes);

/// Fills `out` from exactly 2 × out.size() lower-case digits; false, with `out` unspecified, for anything else.
[[nodiscard]] bool from_hex(std::string_view text, std::span<std::byte> out) noexcept;

/// True when `text` is not empty and all lower-case hex digits.
[[nodiscard]] bool is_hex(std::string_view text) noexcept;

}  // namespace pfcache
