#include "cas/tree.hpp"

#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "base/directory.hpp"

namespace pfcache::test {

namespace fs = std::filesystem;

std::map<std::string, std::string> tree_of(const fs::path& root) {
  std::map<std::string, std::string> tree;
  if (!fs::exists(root)) return tree;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    const std::string path = fs::relative(entry.path(), root).native();
    if (entry.is_directory()) {
      tree[path + "/"] = "";
    } else {
      tree[path] = as_text(read_bytes(entry.path()));
    }
  }
  return tree;
}

std::size_t count_temp_files(const fs::path& root) {
  std::size_t count = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (is_temp_name(entry.path().filename().native())) ++count;
  }
  return count;
}

fs::path blob_path(const fs::path& root, const Digest& digest, const std::string& suffix) {
  const std::string hex = digest.hex();
  return root / "blobs" / "sha256" / hex.substr(0, 2) / (hex + suffix);
}

fs::path only_file_of(const fs::path& root, const Digest& digest) {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(blob_path(root, digest, "").parent_path())) {
    if (entry.path().filename().native().starts_with(digest.hex())) found.push_back(entry.path());
  }
  if (found.size() != 1) throw std::runtime_error(std::to_string(found.size()) + " files of " + digest.hex());
  return found.front();
}

Bytes read_bytes(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path.native());
  return bytes_of(std::string(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()));
}

void write_bytes(const fs::path& path, std::span<const std::byte> bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file.write(as_text(bytes).data(), static_cast<std::streamsize>(bytes.size()));
  if (!file.flush()) throw std::runtime_error("cannot write " + path.native());
}

}  // namespace pfcache::test
