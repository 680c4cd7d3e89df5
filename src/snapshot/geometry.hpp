// Arithmetic on the geometry of pages.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "pfcache/manifest.hpp"

namespace pfcache {

/// Bytes of a page's K; nothing when the product does not fit 64 bits. No limit is applied.
[[nodiscard]] std::optional<std::uint64_t> multiply_geometry(const CacheMeta& meta) noexcept;

/// The five fields by name, for messages.
[[nodiscard]] std::string describe(const CacheMeta& meta);

}  // namespace pfcache
