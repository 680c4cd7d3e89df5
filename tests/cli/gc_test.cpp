#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"
#include "pfcache/store.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;

namespace fs = std::filesystem;

TEST_CASE("gc gives back what a removed snapshot alone needed, after the grace period") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99", "--name", "kept"});
  runner.must({"capture", "synthetic:2:0", "--name", "gone"});
  runner.must({"remove", "gone"});
  const std::size_t before = runner.blobs().size();
  CHECK(runner.must({"gc"}).starts_with("removed 0 blobs"));
  const std::string dry = runner.must({"gc", "--dry-run", "--grace", "0"});
  CHECK(dry.starts_with("would remove 5 blobs"));
  CHECK(runner.blobs().size() == before);
  const std::string text = runner.must({"--json", "gc", "--grace", "0"});
  const JsonDocument document(text, "gc");
  const auto root = document.root();
  CHECK_FALSE(root.boolean("dry_run"));
  CHECK(root.u64("blobs_removed") == 5);
  CHECK(root.u64("snapshots") == 1);
  CHECK(root.u64("blobs_needed") == 17);
  CHECK(runner.blobs().size() == before - 5);
  CHECK(runner.run({"verify"}).status == 0);
}

TEST_CASE("gc ends with 13 when a manifest is damaged, with 11 when somebody writes, and removes nothing") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"capture", "synthetic:2:0", "--name", "gone"});
  runner.must({"remove", "gone"});
  const std::size_t before = runner.blobs().size();
  {
    const pfcache::Store store = pfcache::Store::open(runner.store());
    const pfcache::WriterLease lease = store.lease();
    CHECK(runner.run({"gc", "--grace", "0", "--wait", "0"}).status == 11);
  }
  damage(runner.blob(kG2));
  const Result result = runner.run({"gc", "--grace", "0"});
  CHECK(result.status == 13);
  CHECK(result.err.find(kG2) != std::string::npos);
  CHECK(runner.blobs().size() == before);
  CHECK(runner.run({"gc", "--grace", "soon"}).status == 2);
}

TEST_CASE("list --staging shows what is still arriving, and gc what it took away of it") {
  const Runner runner;
  CHECK(runner.must({"list", "--staging"}).find("STAGING") != std::string::npos);
  const fs::path directory = runner.store() / "staging" / "new" / "chat";
  fs::create_directories(directory);
  write_file(directory / "manifest.json", "{}");
  const auto then = fs::file_time_type::clock::now() - std::chrono::hours(50);
  fs::last_write_time(directory / "manifest.json", then);
  fs::last_write_time(directory, then);
  const std::string listed = runner.must({"list", "--staging"});
  CHECK(listed.find("new/chat") != std::string::npos);
  CHECK(listed.find("2d") != std::string::npos);
  const std::string text = runner.must({"--json", "list", "--staging"});
  const JsonDocument document(text, "list");
  CHECK(document.root().i64("staging_keep_secs") == 86'400);
  document.root().array("staging").for_each_object([](const auto& entry) {
    CHECK(entry.text("name") == "new/chat");
    CHECK(entry.u64("files") == 1);
    CHECK(entry.u64("bytes") == 2);
  });
  CHECK(runner.must({"gc"}).find("removed staging/new/chat") != std::string::npos);
  CHECK_FALSE(fs::exists(directory));
}

TEST_CASE("gc tells that it keeps unsealed manifests where pf-core may write") {
  const Runner runner("pf-core");
  runner.must({"capture", "synthetic:2:0", "--name", "gone"});
  runner.must({"remove", "gone"});
  const Result kept = runner.run({"gc", "--grace", "0"});
  CHECK(kept.out.starts_with("removed 0 blobs"));
  CHECK(kept.err.find("--unsealed") != std::string::npos);
  CHECK(runner.must({"gc", "--grace", "0", "--unsealed"}).starts_with("removed 5 blobs"));
}
