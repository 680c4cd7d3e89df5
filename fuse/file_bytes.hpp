// Whole files, written and read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace pfcache::fuse {

/// Appends all of `bytes`. Throws: system errors.
void write_all(int fd, std::span<const std::byte> bytes);

/// Fills `out` from `offset` on. False when the file is shorter. Throws: system errors.
[[nodiscard]] bool read_at(int fd, std::uint64_t offset, std::span<std::byte> out);

}  // namespace pfcache::fuse
