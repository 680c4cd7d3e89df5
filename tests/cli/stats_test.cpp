#include <doctest/doctest.h>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache::test;
using pfcache::JsonDocument;
namespace fs = std::filesystem;

namespace {

std::size_t longest_line(const std::string& text) {
  std::size_t longest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    longest = std::max(longest, end - at);
    at = end + 1;
  }
  return longest;
}

}  // namespace

TEST_CASE("stats of an empty store have no ratios") {
  const Runner runner;
  const std::string text = runner.must({"stats"});
  CHECK(text.find("0 snapshots, 0 names, 0 pages, 0 blobs (0 planes, 0 zstd, 0 raw)") != std::string::npos);
  CHECK(text.find("- by sharing") != std::string::npos);
}

TEST_CASE("stats show that sessions of one conversation share") {
  const Runner runner;
  for (const int tokens : {399, 799, 1199}) runner.must({"capture", session(tokens)});
  const std::string text = runner.must({"--json", "stats"});
  const JsonDocument document(text, "stats");
  const auto root = document.root();
  CHECK(root.u64("snapshots") == 3);
  CHECK(root.u64("pages") == 150);
  CHECK(root.u64("logical_bytes") == 150 * 32768);
  CHECK(root.u64("unique_bytes") == 77 * 32768);
  CHECK(root.u64("blobs") == root.u64("planes_blobs") + root.u64("zstd_blobs") + root.u64("raw_blobs"));
  CHECK(root.u64("stored_bytes") < root.u64("unique_bytes"));
  CHECK(root.text("profile") == "auto");
  const std::string picture = runner.must({"stats"});
  CHECK(picture.find("\nlogical      4.7 MiB  ################################\n") != std::string::npos);
  CHECK(picture.find("1.95x by sharing") != std::string::npos);
  CHECK(longest_line(picture.substr(picture.find('\n'))) <= 80);
  for (const std::size_t columns : {40U, 50U, 60U, 200U}) {
    const std::string fitted = runner.run({"stats"}, {.out_is_terminal = true, .out_columns = columns}).out;
    CAPTURE(fitted);
    CHECK(longest_line(fitted.substr(fitted.find('\n'))) <= columns);
    CHECK(fitted.find("1.95x") != std::string::npos);
    CHECK((fitted.find("by sharing") != std::string::npos) == (columns > 49));
  }
}

TEST_CASE("stats show what takes space beside pages, and only what there is") {
  const Runner runner;
  CHECK(runner.must({"stats"}).find("beside pages") == std::string::npos);
  runner.must({"capture", "synthetic:2:0"});
  const std::string few = runner.must({"stats"});
  CHECK(few.find("\nother blobs ") != std::string::npos);
  CHECK(few.find("prompts") == few.rfind("prompts"));  // as chunks only
  CHECK(few.find("warm starts") == std::string::npos);

  write_file(runner.path("payload"), std::string(100'000, 'p'));
  write_file(runner.path("hello"), "hello");
  write_file(runner.path("again"), "hello again");
  runner.must({"prompt", "put", runner.path("payload").native(), "--text", runner.path("hello").native()});
  runner.must(
      {"prompt", "put", runner.path("payload").native(), "--text", runner.path("again").native(), "--dedup", "on"});
  CHECK(runner.run({"warm", "save", std::string(64, 'a'), "--kind", "final"}, {.input = "state"}).status == 0);
  fs::create_directories(runner.store() / "staging/new/draft");
  write_file(runner.store() / "staging/new/draft/manifest.json", "{}");
  const std::string picture = runner.must({"stats"});
  CHECK(picture.find("\nprompts ") != std::string::npos);
  CHECK(picture.find("2 files, ") != std::string::npos);
  CHECK(picture.find("\nwarm starts         5 B  1 of them, their budget is 1.0 GiB\n") != std::string::npos);
  CHECK(picture.find("\narriving            2 B  1 of them, see pfcache list --staging") != std::string::npos);

  const std::string text = runner.must({"--json", "stats"});
  const JsonDocument document(text, "stats");
  const auto root = document.root();
  CHECK(root.u64("prompts") == 2);
  CHECK(root.u64("prompt_bytes") < 150'000);
  CHECK(root.u64("prompt_charged_bytes") > 200'000);
  CHECK(root.u64("warm_entries") == 1);
  CHECK(root.u64("warm_bytes") == 5);
  CHECK(root.u64("staging_directories") == 1);
  CHECK(root.u64("staging_bytes") == 2);
  CHECK(root.u64("stored_page_bytes") < root.u64("stored_bytes"));
}

TEST_CASE("a manifest that can't be read makes the stats partial") {
  const Runner runner;
  runner.must({"capture", "synthetic:8:99"});
  runner.must({"capture", "synthetic:2:0"});
  damage(runner.blob(kG1));
  const Result result = runner.run({"stats"});
  CHECK(result.status == 3);
  CHECK(result.err.find(kG1) != std::string::npos);
}
