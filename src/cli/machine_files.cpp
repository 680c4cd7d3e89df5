#include "cli/machine_files.hpp"

#include <charconv>
#include <fstream>
#include <iterator>

namespace pfcache::cli {

std::string read_machine_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::uint32_t> version_numbers(std::string_view version) {
  constexpr std::size_t kNumbers = 3;
  std::vector<std::uint32_t> numbers;
  while (numbers.size() < kNumbers) {
    std::uint32_t number = 0;
    const auto [stop, error] = std::from_chars(version.data(), version.data() + version.size(), number);
    if (error != std::errc()) break;
    numbers.push_back(number);
    version.remove_prefix(static_cast<std::size_t>(stop - version.data()));
    if (!version.starts_with('.')) break;
    version.remove_prefix(1);
  }
  numbers.resize(kNumbers);
  return numbers;
}

std::optional<std::string> field_of(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.starts_with(name)) continue;
    line.remove_prefix(name.size());
    const std::size_t begin = line.find_first_not_of(": \t");
    if (begin == 0) continue;  // a longer name
    return begin == std::string_view::npos ? std::string() : std::string(line.substr(begin));
  }
  return std::nullopt;
}

bool has_capability(std::string_view status, unsigned bit) {
  const std::string mask = field_of(status, "CapEff").value_or("");
  std::uint64_t bits = 0;
  std::from_chars(mask.data(), mask.data() + mask.size(), bits, 16);
  return ((bits >> bit) & 1U) != 0;
}

}  // namespace pfcache::cli
