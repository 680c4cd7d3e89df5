// Bytes to store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace pfcache::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::string_view text) {
  const auto view = as_bytes(text);
  return {view.begin(), view.end()};
}

/// Bytes that no encoding makes smaller.
inline Bytes random_bytes(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size_bytes);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

/// Bytes that compress to about half: eight kinds of byte in no order, with the seed written into the first eight, so
/// that different seeds never give the same bytes.
inline Bytes compressible_bytes(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Bytes bytes(size_bytes);
  for (std::byte& b : bytes) b = static_cast<std::byte>(random() % 8);
  if (size_bytes >= sizeof seed) store_le(seed, bytes);
  return bytes;
}

}  // namespace pfcache::test
