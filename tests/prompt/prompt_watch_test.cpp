// What others do to the directory is noticed.
#include <doctest/doctest.h>

#include "prompt/directory_watch.hpp"
#include "prompt/prompt_support.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace fs = std::filesystem;

TEST_CASE("entries that another program adds, replaces and removes are seen by the next lookup") {
  const TempDir dir;
  const TempDir elsewhere;
  DiskKvCache ours(dir.path(), kBudget);
  DiskKvCache theirs(dir.path(), kBudget);
  CHECK_FALSE(ours.find_longest("hello world"));
  const auto key = save(theirs, "hello", "1").info.name.key;
  REQUIRE(ours.find_longest("hello world"));
  CHECK(ours.total_bytes() == 52 + 5 + 1);
  save(theirs, "hello", "12345");
  CHECK(ours.total_bytes() == 52 + 5 + 5);
  // Written under its own name, and then cut: as a program without renames does.
  const fs::path path = ours.path_for(key);
  const std::string bytes = slurp(path);
  fs::remove(path);
  CHECK_FALSE(ours.find_longest("hello world"));
  spew(path, bytes);
  CHECK(ours.find_longest("hello world"));
  spew(path, bytes.substr(0, 10));
  CHECK(ours.list().entries.empty());
  CHECK(ours.list().unreadable.size() == 1);
  CHECK(ours.total_bytes() == 0);
}

TEST_CASE("hits that others count are known when it comes to evicting") {
  const TempDir dir;
  DiskKvCache ours(dir.path(), kBudget, options_at());
  DiskKvCache theirs(dir.path(), kBudget, options_at());
  PromptHeader header;
  header.token_count = 10;
  const std::string payload(30 << 20, 'p');
  header.last_used_unix_secs = kNow - 20;
  save(ours, "a", payload, header);
  header.last_used_unix_secs = kNow - 10;
  save(ours, "b", payload, header);
  REQUIRE(theirs.load(DiskKvCache::key_for("a"), {.verify = false}));
  save(ours, "c", payload, header);
  CHECK(ours.find(DiskKvCache::key_for("a")));
  CHECK_FALSE(ours.find(DiskKvCache::key_for("b")));
}

}  // namespace pfcache::test
