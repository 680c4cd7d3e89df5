#include "warm/warm_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "base/bytes.hpp"

namespace pfcache::test {

namespace fs = std::filesystem;

Fingerprint key_for(std::string_view text) {
  Fingerprinter fingerprinter;
  fingerprinter.absorb_str("test", text);
  return fingerprinter.finalize();
}

std::span<const std::byte> bytes_of(std::string_view text) { return as_bytes(text); }

std::string text_of(const std::vector<std::byte>& bytes) { return std::string(as_text(bytes)); }

std::string payload_of(const WarmStartStore& store, const Fingerprint& key) {
  const auto entry = store.lookup(key);
  return entry ? text_of(entry->payload) : "-";
}

std::vector<std::string> names_in(const fs::path& path) {
  std::vector<std::string> names;
  std::error_code absent;
  for (const auto& entry : fs::directory_iterator(path, absent)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_text(const fs::path& path, std::string_view text) {
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary);
  file << text;
  REQUIRE(file.flush());
}

void replace_in_file(const fs::path& path, std::string_view from, std::string_view to) {
  std::string text = read_text(path);
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_text(path, text.replace(at, from.size(), to));
}

void make_old(const fs::path& path, std::chrono::seconds age) {
  fs::last_write_time(path, fs::file_time_type::clock::now() - age);
}

std::uint64_t stored_bytes(const fs::path& root) {
  std::uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file() && entry.path().parent_path() != root) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace pfcache::test
