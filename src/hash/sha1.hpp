// SHA-1, for the keys of KVC prompt-cache files: a name, never a proof of integrity.
#pragma once

#include <array>
#include <cstddef>
#include <span>

namespace pfcache {

[[nodiscard]] std::array<std::byte, 20> sha1(std::span<const std::byte> bytes) noexcept;

}  // namespace pfcache
