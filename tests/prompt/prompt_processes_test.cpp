// Several processes at one directory. $PFCACHE_STRESS_SECS makes it longer than the two seconds of every day.
#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "base/bytes.hpp"
#include "base/directory.hpp"
#include "prompt/prompt_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

std::chrono::seconds stress_time() {
  const char* secs = std::getenv("PFCACHE_STRESS_SECS");  // NOLINT(concurrency-mt-unsafe)
  return std::chrono::seconds(secs == nullptr ? 2 : std::atoi(secs));
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
    } catch (...) {  // The exit status tells.
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

TEST_CASE("processes save, load, look up and evict at once, and no entry is torn or above the budget") {
  const TempDir dir;
  const auto deadline = std::chrono::steady_clock::now() + stress_time();
  constexpr std::uint64_t kFile = 3 << 20;
  const bool good = all_succeed(3, [&](int process) {
    NoSyncOps ops;
    DiskKvCache cache(Directory::open(dir.path(), ops), kBudget);
    std::mt19937_64 random(static_cast<std::uint64_t>(process) + 1);
    while (std::chrono::steady_clock::now() < deadline) {
      const std::string text = "session " + std::to_string(random() % 40) + ";";
      if (random() % 2 == 0) {
        const std::string payload = text + std::string(kFile + random() % 1000, static_cast<char>('a' + process));
        cache.save({.text = text, .header = {}}, as_bytes(payload));
      } else if (auto loaded = cache.load(DiskKvCache::key_for(text))) {
        const auto payload = as_text(loaded->payload());
        if (!loaded->is_verified() || !payload.starts_with(text)) return false;
        if (payload.find_first_not_of(payload.back(), text.size()) != std::string_view::npos) return false;
      }
      if (const auto found = cache.find_longest(text + "more")) {
        if (found->name.key != DiskKvCache::key_for(text)) return false;
      }
      if (cache.total_bytes() > kBudget) return false;
    }
    return true;
  });
  CHECK(good);
  DiskKvCache cache(dir.path(), kBudget);
  CHECK(cache.list().unreadable.empty());
  CHECK(cache.list().entries.size() > 5);
  CHECK(names_in(dir.path()).size() == cache.list().entries.size());
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
