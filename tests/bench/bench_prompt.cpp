// Lookups in a prompt cache of 10,000 entries, and what nested payloads take when they are kept as chunks.
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "bench/measure.hpp"
#include "bench/row.hpp"
#include "pfcache/disk_kv_cache.hpp"
#include "pfcache/fs_blob_store.hpp"

namespace {

namespace fs = std::filesystem;
using namespace pfcache;
using namespace pfcache::bench;

constexpr int kEntries = 10'000;
constexpr std::size_t kPromptBytes = 100'000;
constexpr int kRounds = 2'000;

class Scratch {
 public:
  Scratch() : path_(fs::temp_directory_path() / fmt::format("bench_prompt-{}", ::getpid())) {
    fs::create_directories(path_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() { fs::remove_all(path_); }
  [[nodiscard]] const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

std::string text_of(std::size_t size_bytes, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string text(size_bytes, ' ');
  for (char& c : text) c = static_cast<char>('a' + random() % 26);
  return text;
}

/// Written as any program may, without a sync: 10,000 of those are not what is measured.
void write_entry(const DiskKvCache& cache, std::string_view text) {
  std::string bytes("KVC\x01", 4);
  bytes.resize(52, '\0');
  bytes[40] = 1;  // of payload
  for (unsigned i = 0; i < 4; ++i) bytes[48 + i] = static_cast<char>(text.size() >> (8 * i));
  bytes.append(text).push_back('p');
  std::ofstream(cache.path_for(DiskKvCache::key_for(text)), std::ios::binary) << bytes;
}

template <typename Work>
double median_micros(Work&& work) {
  std::vector<double> seconds;
  for (int i = 0; i < kRounds; ++i) seconds.push_back(seconds_of(work));
  return median(std::move(seconds)) * 1e6;
}

void print_micros(const std::string& what, double micros, double bar) {
  print_row({.what = what,
             .ours = fmt::format("{:.1f} us", micros),
             .other = "",
             .other_side = "",
             .compared = micros,
             .kind = Bar::at_most,
             .bar = bar});
}

void measure_lookups() {
  const Scratch scratch;
  const std::string prompt = text_of(kPromptBytes, 1);
  const std::string_view best = std::string_view(prompt).substr(0, 90'000);
  {
    const DiskKvCache cache(scratch.path(), kDefaultPromptBudgetBytes);
    // Texts of thousands of lengths that share the beginning of the prompt and end otherwise.
    std::mt19937_64 random(2);
    for (int i = 0; i < kEntries - 1; ++i) {
      write_entry(cache, prompt.substr(0, random() % 4000) + text_of(16 + random() % (kPromptBytes / 50), random()));
    }
    write_entry(cache, best);
  }
  std::unique_ptr<DiskKvCache> cache;
  const double start = seconds_of([&] {
    cache = std::make_unique<DiskKvCache>(scratch.path(), kDefaultPromptBudgetBytes);
    static_cast<void>(cache->total_bytes());
  });
  print_micros("prompt: reading the headers of one of 10,000 entries", start * 1e6 / kEntries, 100);
  const PromptKey key = DiskKvCache::key_for(best);
  bool found = true;
  print_micros("prompt: exact lookup among 10,000", median_micros([&] { found &= cache->find(key).has_value(); }), 50);
  print_micros("prompt: longest prefix of 100 KB among 10,000",
               median_micros([&] { found &= cache->find_longest(prompt)->name.key == key; }), 200);
  if (!found) std::abort();
}

std::uint64_t stored_bytes(const std::vector<std::string>& payloads, EncodingPolicy policy) {
  const Scratch scratch;
  FsBlobStore blobs(scratch.path(), policy);
  DiskKvCacheOptions options;
  options.blobs = &blobs;
  options.dedup = true;
  DiskKvCache cache(scratch.path() / "prompt", kDefaultPromptBudgetBytes, options);
  std::uint64_t stored = 0;
  for (const std::string& payload : payloads) {
    const std::string text = fmt::format("prompt {}", payload.size());
    stored += cache.save({.text = text, .header = {}}, std::as_bytes(std::span(payload))).info.file_bytes;
  }
  return stored + blobs.physical_bytes();
}

void measure_dedup(const std::string& what, const std::vector<std::string>& payloads, double bar) {
  std::uint64_t sum = 0;
  for (const std::string& payload : payloads) sum += payload.size();
  const auto longest = static_cast<double>(payloads.back().size());
  for (const auto& [name, policy] :
       {std::pair("raw", EncodingPolicy::raw), std::pair("auto", EncodingPolicy::automatic)}) {
    const std::uint64_t stored = stored_bytes(payloads, policy);
    print_row({.what = fmt::format("prompt: {}, chunks {}, of the longest", what, name),
               .ours = fmt::format("{} B", stored),
               .other = fmt::format("{} B", sum),
               .other_side = "whole files",
               .compared = static_cast<double>(stored) / longest,
               .kind = Bar::at_most,
               .bar = bar});
  }
}

std::string session(int tokens) {
  std::ifstream file(fmt::format("{}/llama-session-{}.bin", TEST_DATA_DIR, tokens), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace

int main() {
  measure_lookups();
  const std::string longest = text_of(std::size_t{32} << 20, 3);
  std::vector<std::string> nested;
  for (const std::size_t quarter : {1U, 2U, 3U, 4U}) nested.push_back(longest.substr(0, longest.size() / 4 * quarter));
  measure_dedup("four nested checkpoints", nested, 1.1);
  measure_dedup("three saves of a llama.cpp session", {session(399), session(799), session(1199)}, 1.1);
  return 0;
}
