// Several processes at one directory. $PFCACHE_STRESS_SECS makes it longer than the two seconds of every day.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <stdexcept>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "pfcache/error.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "prompt/prompt_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

std::chrono::seconds stress_time() {
  const char* secs = std::getenv("PFCACHE_STRESS_SECS");  // NOLINT(concurrency-mt-unsafe)
  return std::chrono::seconds(secs == nullptr ? 2 : std::atoi(secs));
}

/// Throws, in a child, where nothing of doctest's is seen.
void require(bool is_right, const char* otherwise) {
  if (!is_right) throw std::runtime_error(otherwise);
}

/// Forks `count` processes that run `work(i)`; true when all ended well.
template <typename Work>
bool all_succeed(int count, Work&& work) {
  std::vector<pid_t> children;
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid != 0) {
      children.push_back(pid);
      continue;
    }
    int status = 1;
    try {
      status = work(i) ? 0 : 1;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "process %d: %s\n", i, error.what());
    }
    ::_exit(status);
  }
  bool good = true;
  for (const pid_t pid : children) {
    int status = 0;
    ::waitpid(pid, &status, 0);
    good &= WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
  return good;
}

}  // namespace

TEST_CASE(
    "processes save in both forms, load, look up, remove and evict at once, and no entry is torn or above the budget") {
  const TempDir dir;
  const fs::path prompts = dir.path() / "prompt";
  fs::create_directories(prompts);
  const auto deadline = std::chrono::steady_clock::now() + stress_time();
  constexpr std::uint64_t kFile = 3 << 20;
  constexpr std::uint64_t kMore = 1000;  // that payloads differ by, at most
  const bool good = all_succeed(4, [&](int process) {
    NoSyncOps ops;
    FsBlobStore blobs(Directory::open(dir.path(), ops), EncodingPolicy::raw);
    DiskKvCacheOptions options;
    options.blobs = &blobs;
    options.dedup = process == 0;
    DiskKvCache cache(Directory::open(prompts, ops), kBudget, options);
    std::mt19937_64 random(static_cast<std::uint64_t>(process) + 1);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string text = "session " + std::to_string(random() % 40) + ";";
      const auto key = DiskKvCache::key_for(text);
      const auto choice = random() % 16;
      if (choice < 8) {
        const std::string payload = text + std::string(kFile + random() % kMore, static_cast<char>('a' + process));
        cache.save({.text = text, .header = {}}, as_bytes(payload));
      } else if (choice == 8) {
        cache.remove(key);
      } else if (choice == 9) {
        cache.evict_to_budget();
      } else if (choice == 10) {
        try {
          cache.make_whole(key);
        } catch (const Error& error) {
          if (error.code() != std::error_code(ESTALE, std::generic_category())) throw;
        }
      } else if (auto loaded = cache.load(key)) {
        const auto payload = as_text(loaded->payload());
        require(loaded->is_verified(), "an entry without a checksum");
        require(payload.starts_with(text), "a payload of another text");
        require(payload.find_first_not_of(payload.back(), text.size()) == std::string_view::npos, "a torn payload");
      }
      if (const auto found = cache.find_longest(text + "more")) {
        require(found->name.key == key, "the prefix of another prompt");
      }
      // For a moment a recipe and the whole file that takes its place are both there.
      require(cache.total_bytes() <= kBudget + kFile + kMore, "above the budget");
    }
    return true;
  });
  CHECK(good);
  FsBlobStore blobs(dir.path());
  DiskKvCacheOptions options;
  options.blobs = &blobs;
  DiskKvCache cache(prompts, kBudget, options);
  CHECK(cache.list().unreadable.empty());
  CHECK(cache.list().entries.size() > 5);
  CHECK(names_in(prompts).size() == cache.list().entries.size());
  for (const auto& entry : cache.list().entries) CHECK(cache.load(entry.name.key)->is_verified());
}

TEST_CASE("what fits the budget is never lost, whoever saved it") {
  const TempDir dir;
  CHECK(all_succeed(4, [&](int process) {
    NoSyncOps ops;
    DiskKvCache cache(Directory::open(dir.path(), ops), kBudget);
    for (int i = 0; i < 50; ++i) {
      const std::string text = std::to_string(process) + "/" + std::to_string(i);
      cache.save({.text = text, .header = {}}, as_bytes(text));
    }
    return true;
  }));
  DiskKvCache cache(dir.path(), kBudget);
  for (int process = 0; process < 4; ++process) {
    for (int i = 0; i < 50; ++i) {
      const std::string text = std::to_string(process) + "/" + std::to_string(i);
      REQUIRE(payload_of(cache, text) == text);
    }
  }
}

TEST_CASE("no hit is lost between processes") {
  const TempDir dir;
  DiskKvCache cache(dir.path(), kBudget);
  const auto key = save(cache, "t", "p").info.name.key;
  CHECK(all_succeed(4, [&](int) {
    DiskKvCache mine(dir.path(), kBudget);
    for (int i = 0; i < 200; ++i) {
      if (!mine.load(key)) return false;
    }
    return true;
  }));
  CHECK(cache.find(key)->header.hit_count == 800);
}

}  // namespace pfcache::test
