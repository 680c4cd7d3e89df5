// What the tests of snapshots share.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "pfcache/error.hpp"
#include "pfcache/manifest.hpp"
#include "pfcache/synthetic_pager.hpp"
#include "support/failure.hpp"

namespace pfcache::test {

inline constexpr CacheMeta kSmall{4, 2, 2, 4, DType::bf16};  ///< of vectors G1 and G2: pages of 2 × 128 bytes

/// True when the message says `text`.
[[nodiscard]] inline bool names(const Failure& failure, std::string_view text) {
  return failure.what.find(text) != std::string::npos;
}

[[nodiscard]] std::string read_text(const std::filesystem::path& path);
void write_text(const std::filesystem::path& path, std::string_view text);

/// K, then V of a page of a pager.
[[nodiscard]] std::vector<std::byte> page_of(CachePager& pager, PageIndex ix);

/// The names in a directory, sorted.
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& dir);

/// Every file below `dir` by its path, with its contents, sorted.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> contents_of(const std::filesystem::path& dir);

[[nodiscard]] SyntheticCachePager& populated(SyntheticCachePager& pager, std::uint32_t count, std::uint64_t seed);

}  // namespace pfcache::test
