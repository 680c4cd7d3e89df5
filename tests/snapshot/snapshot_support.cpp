#include "snapshot/snapshot_support.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

namespace pfcache::test {

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE_MESSAGE(file.is_open(), path.native());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_text(const std::filesystem::path& path, std::string_view text) {
  std::ofstream file(path, std::ios::binary);
  file << text;
  file.close();
  REQUIRE_MESSAGE(file.good(), path.native());
}

std::vector<std::byte> page_of(CachePager& pager, PageIndex ix) {
  const std::size_t page_bytes = pager.meta().page_bytes();
  std::vector<std::byte> bytes(2 * page_bytes);
  pager.read_page(ix, {std::span(bytes).first(page_bytes), std::span(bytes).last(page_bytes)});
  return bytes;
}

std::vector<std::string> names_in(const std::filesystem::path& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::pair<std::string, std::string>> contents_of(const std::filesystem::path& dir) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file()) files.emplace_back(entry.path().lexically_relative(dir), read_text(entry.path()));
  }
  std::sort(files.begin(), files.end());
  return files;
}

SyntheticCachePager& populated(SyntheticCachePager& pager, std::uint32_t count, std::uint64_t seed) {
  pager.populate_synthetic(count, seed);
  return pager;
}

}  // namespace pfcache::test
