#include "prompt/prompt_support.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <random>

#include "base/bytes.hpp"
#include "base/hex.hpp"

namespace pfcache::test {

const std::string kGoldenKey = "e057edaff3887da66792716cb284db131cc70d80";
const std::string kGoldenHex =
    "4b564301020101001100000005000000002000000000000000f153650000000001f15365000000001c00000000000000170000003c7c757365"
    "727c"
    "3e68693c7c617373697374616e747c3e62696e6172792073657373696f6e207061796c6f6164206279746573";

PromptSave golden_prompt() {
  PromptSave prompt{.text = "<|user|>hi<|assistant|>", .header = {}};
  prompt.header.quant_bits = 2;
  prompt.header.reason = SaveReason::cold;
  prompt.header.ext_flags = 1;
  prompt.header.token_count = 17;
  prompt.header.hit_count = 5;
  prompt.header.ctx_size = 8192;
  prompt.header.created_unix_secs = 1'700'000'000;
  prompt.header.last_used_unix_secs = 1'700'000'001;
  return prompt;
}

std::string from_hex_text(std::string_view hex) {
  std::string bytes(hex.size() / 2, '\0');
  REQUIRE(from_hex(hex, std::as_writable_bytes(std::span(bytes))));
  return bytes;
}

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void spew(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream file(path, std::ios::binary);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  REQUIRE(file.flush());
}

std::vector<std::string> names_in(const std::filesystem::path& dir) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

DiskKvCacheOptions options_at(std::uint64_t now, EvictionPolicy policy) {
  DiskKvCacheOptions options;
  options.policy = policy;
  options.now_unix_secs = [now] { return now; };
  return options;
}

IoCount io_count() {
  std::ifstream file("/proc/self/io");
  IoCount count;
  std::string name;
  std::uint64_t number = 0;
  while (file >> name >> number) {
    if (name == "rchar:") count.bytes = number;
    if (name == "syscr:") count.reads = number;
  }
  return count;
}

std::string payload_of(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string bytes(size_bytes, '\0');
  for (std::size_t i = 0; i + 8 <= size_bytes; i += 8) {
    store_le(std::uint64_t{random()}, std::as_writable_bytes(std::span(bytes)).subspan(i));
  }
  return bytes;
}

PromptSaveResult save(DiskKvCache& cache, std::string_view text, std::string_view payload, const PromptHeader& header) {
  return cache.save({.text = text, .header = header}, as_bytes(payload));
}

std::string payload_of(DiskKvCache& cache, std::string_view text, const PromptLoadOptions& options) {
  auto loaded = cache.load(DiskKvCache::key_for(text), options);
  REQUIRE(loaded);
  CHECK(loaded->text() == text);
  return std::string(as_text(loaded->payload()));
}

}  // namespace pfcache::test
