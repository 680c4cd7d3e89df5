// Looking at, and into, the files of a store from outside.
#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>

#include "cas/samples.hpp"
#include "pfcache/digest.hpp"

namespace pfcache::test {

/// Everything below `root`: path → bytes, with a slash at the end of a directory's path.
[[nodiscard]] std::map<std::string, std::string> tree_of(const std::filesystem::path& root);

/// The number of temp files below `root`.
[[nodiscard]] std::size_t count_temp_files(const std::filesystem::path& root);

/// ROOT/blobs/sha256/ab/<hex><suffix>
[[nodiscard]] std::filesystem::path blob_path(const std::filesystem::path& root, const Digest& digest,
                                              const std::string& suffix);

/// The blob's file, whichever suffix it has. REQUIRES: there is exactly one.
[[nodiscard]] std::filesystem::path only_file_of(const std::filesystem::path& root, const Digest& digest);

[[nodiscard]] Bytes read_bytes(const std::filesystem::path& path);
/// Makes the directories above `path` too.
void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes);

}  // namespace pfcache::test
