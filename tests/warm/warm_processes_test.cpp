// Many processes on one root. $PFCACHE_STRESS_SECS makes it longer than the two seconds of every day.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <random>
#include <set>
#include <thread>

#include "pfcache/error.hpp"
#include "pfcache/unique_fd.hpp"
#include "support/failure.hpp"
#include "warm/warm_support.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::chrono::seconds stress_time() {
  const char* secs = std::getenv("PFCACHE_STRESS_SECS");  // NOLINT(concurrency-mt-unsafe)
  return std::chrono::seconds(secs == nullptr ? 2 : std::atoi(secs));
}

// A payload that says whether it is whole.
std::string payload_with(std::string_view who, int number, std::size_t size) {
  std::string text = std::string(who) + " " + std::to_string(number) + " ";
  while (text.size() < size) text += static_cast<char>('a' + (text.size() + static_cast<std::size_t>(number)) % 26);
  return text;
}

bool is_whole(const std::string& text) {
  const std::size_t first = text.find(' ');
  const std::size_t second = text.find(' ', first + 1);
  if (second == std::string::npos) return false;
  return text == payload_with(text.substr(0, first), std::stoi(text.substr(first + 1)), text.size());
}

pid_t in_child(const std::function<bool()>& work) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  try {
    ::_exit(work() ? 0 : 1);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "child: %s\n", error.what());
    ::_exit(2);
  }
}

void require_done(const std::vector<pid_t>& children) {
  for (const pid_t child : children) {
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
  }
}

template <typename Work>
bool until_time_is_up(Work&& work) {
  const auto end = Clock::now() + stress_time();
  for (int i = 0; Clock::now() < end; ++i) {
    if (!work(i)) return false;
  }
  return true;
}

TEST_CASE("processes that save, look up and evict at once lose and tear no entry") {
  TempStore it;
  const fs::path root = it.store.root();
  const auto keys = [](int i) { return key_for("key " + std::to_string(i % 5)); };
  std::vector<pid_t> children;
  // What each has saved it finds at once, under names that nobody else removes.
  for (const char* who : {"A", "B", "C"}) {
    children.push_back(in_child([&] {
      auto store = WarmStartStore::open(root);
      return until_time_is_up([&](int i) {
        const std::string payload = payload_with(who, i, 100 + static_cast<std::size_t>(i) % 5000);
        const auto run = store.save(keys(i), bytes_of(payload), {static_cast<double>(i % 100), {}, EntryKind::final});
        const auto entry = store.load(keys(i), run);
        return entry && text_of(entry->payload) == payload;
      });
    }));
  }
  children.push_back(in_child([&] {
    const auto store = WarmStartStore::open(root);
    return until_time_is_up([&](int i) {
      const auto entry = store.lookup(keys(i));
      return !entry || is_whole(text_of(entry->payload));
    });
  }));
  children.push_back(in_child([&] {
    auto store = WarmStartStore::open(root);
    return until_time_is_up([&](int) { return store.evict_overflow().damaged_entries == 0; });
  }));
  require_done(children);
  const EvictReport report = it.store.evict_overflow();
  CHECK(report.kept_entries > 10);
  CHECK(report.damaged_entries == 0);
  CHECK(report.swept_files == 0);
}

TEST_CASE("an entry that is overwritten again and again is found at every moment, old or new") {
  TempStore it;
  const Fingerprint key = key_for("overwritten");
  std::string run = it.store.save(key, bytes_of(payload_with("A", 0, 100)), {0.0, 0, EntryKind::checkpoint});
  std::vector<pid_t> children;
  for (int reader = 0; reader < 2; ++reader) {
    children.push_back(in_child([&] {
      const auto store = WarmStartStore::open(it.store.root());
      return until_time_is_up([&](int) {
        const auto entry = store.lookup(key);
        return entry && is_whole(text_of(entry->payload));
      });
    }));
  }
  children.push_back(in_child([&] {
    auto store = WarmStartStore::open(it.store.root());
    return until_time_is_up([&](int) { return store.evict_overflow().damaged_entries == 0; });
  }));
  CHECK(until_time_is_up([&](int i) {
    const std::string payload = payload_with("A", i, 100 + static_cast<std::size_t>(i) % 300);
    run = it.store.save_overwrite(key, run, bytes_of(payload), {static_cast<double>(i % 7), {}, EntryKind::checkpoint});
    return payload_of(it.store, key) == payload;
  }));
  require_done(children);
  CHECK(it.store.runs(key).size() == 1);
}

TEST_CASE("directories come and go under writers, who never fail") {
  TempStore it({.size_budget_bytes = 3000, .ttl = std::chrono::seconds(0)});
  const WarmStartOptions tiny = it.store.options();
  std::vector<pid_t> children;
  for (const char* who : {"A", "B"}) {
    children.push_back(in_child([&] {
      auto store = WarmStartStore::open(it.store.root(), tiny);
      return until_time_is_up([&](int i) {
        store.save(key_for(who + std::to_string(i % 20)), bytes_of(payload_with(who, i, 500)), {});
        return true;
      });
    }));
  }
  children.push_back(in_child([&] {
    auto store = WarmStartStore::open(it.store.root(), tiny);
    return until_time_is_up([&](int) { return store.evict_overflow().damaged_entries == 0; });
  }));
  require_done(children);
  CHECK(it.store.evict_overflow().kept_bytes <= 3000);
}

TEST_CASE("processes that are killed while they save leave whole entries, and nothing for long") {
  TempStore it;
  const Fingerprint key = key_for("killed");
  std::mt19937_64 random(7);
  it.store.save(key, bytes_of(payload_with("A", 0, 100)), {});
  for (int round = 0; round < 30; ++round) {
    const pid_t child = in_child([&] {
      auto store = WarmStartStore::open(it.store.root());
      std::string run = "none";
      for (int i = 0;; ++i) run = store.save_overwrite(key, run, bytes_of(payload_with("B", i, 3000)), {});
      return true;
    });
    ::usleep(static_cast<useconds_t>(random() % 20000));
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(is_whole(payload_of(it.store, key)));
  }
  FakeTime later{std::chrono::system_clock::now().time_since_epoch() + std::chrono::hours(2)};
  auto store = WarmStartStore::open(it.store.root(), {.unix_time = later.reader()});
  CHECK(store.evict_overflow().damaged_entries == 0);
  const auto names = names_in(it.key_dir(key));
  CHECK(names.size() == 2 * it.store.runs(key).size());
  CHECK(is_whole(payload_of(it.store, key)));
}

TEST_CASE("nothing is swept where somebody is writing") {
  TempStore it;
  const Fingerprint key = key_for("locked");
  const fs::path temp = it.key_dir(key) / ".tmp-0123456789abcdef";
  write_text(temp, "being written");
  {
    const UniqueFd writer(::open(it.key_dir(key).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    REQUIRE(::flock(writer.get(), LOCK_SH) == 0);
    CHECK(it.store.evict_overflow().swept_files == 0);
    CHECK(fs::exists(temp));
    it.store.save(key, bytes_of("beside"), {});
  }
  CHECK(it.store.evict_overflow().swept_files == 1);
  CHECK(payload_of(it.store, key) == "beside");
}

TEST_CASE("threads of one store save and look up at once") {
  TempStore it;
  std::vector<std::set<std::string>> runs(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < runs.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 50; ++i) {
          const std::string payload = payload_with("T", i, 200);
          runs[t].insert(it.store.save(key_for("x"), bytes_of(payload), {}));
          std::ignore = it.store.lookup(key_for("x"));
        }
      });
    }
  }
  CHECK(it.store.runs(key_for("x")).size() == 200);
}

}  // namespace
}  // namespace pfcache::test
