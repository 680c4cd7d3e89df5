#include "cli/top_view.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>

#include "base/json_reader.hpp"
#include "cli/runner.hpp"

using namespace pfcache;
using namespace pfcache::cli;

namespace {

MountWindow made_up() {
  MountMetrics earlier;
  earlier[MountValue::start_time] = 1700000000;
  earlier[MountValue::hot_hits] = 100;
  MountMetrics now = earlier;
  now[MountValue::page_opens] = 20;
  now[MountValue::hot_hits] = 103;
  now[MountValue::hot_misses] = 1;
  now[MountValue::decoded_bytes] = 4096;
  now[MountValue::hot_held_bytes] = 1024;
  now[MountValue::hot_limit_bytes] = 4096;
  now.has_store_values = true;
  now[MountValue::store_logical_bytes] = 600;
  now[MountValue::store_unique_bytes] = 300;
  now[MountValue::store_stored_page_bytes] = 100;
  now.latencies.at(static_cast<std::size_t>(MountOperation::read)).counts.at(0) = 8;
  return window_between(earlier, now, 2, 3700);
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

void check_width(const std::string& text) {
  std::size_t lines = 0;
  for (std::size_t at = 0; at < text.size(); ++lines) {
    const std::size_t end = text.find('\n', at);
    REQUIRE(end != std::string::npos);
    CHECK(end - at <= kTopColumns);
    at = end + 1;
  }
  CHECK(lines <= 24);
}

}  // namespace

TEST_CASE("rates and ratios are those of the window") {
  const std::string text = top_text(made_up(), "/mnt/kv", false);
  CAPTURE(text);
  check_width(text);
  CHECK(has(text, "up 1:01:40  passthrough off  last 2.0 s  /mnt/kv\n"));
  CHECK(has(text, "10.0/s"));
  CHECK(has(text, "75.0 %   hits 1.5/s  misses 0.5/s\n"));
  CHECK(has(text, "2.0 KiB/s"));
  CHECK(has(text, "hot store          25.0 %   1.0 KiB of 4.0 KiB  [######------------------]\n"));
  CHECK(has(text, "2.00x by sharing, 3.00x by encoding\n"));
}

TEST_CASE("a window without length has no rates, and a mount that did nothing no ratios") {
  MountWindow window = made_up();
  window.seconds = 0;
  CHECK(window.rate(MountValue::hot_hits) == 0);
  const std::string text = top_text(MountWindow{}, "/mnt/kv", false);
  check_width(text);
  CHECK_FALSE(has(text, "nan"));
  CHECK_FALSE(has(text, "inf"));
  CHECK(has(top_record(MountWindow{}, "/mnt/kv"), "\"hot_hit_ratio\":null"));
}

TEST_CASE("no numbers and no directory make a line too wide") {
  MountWindow window = made_up();
  window.now.values.fill(std::numeric_limits<std::uint64_t>::max());
  window.seconds = 1e-3;
  check_width(top_text(window, "/" + std::string(300, 'x'), false));
}

TEST_CASE("a mount that took the place of another is shown since it began") {
  const MountWindow window = made_up();
  MountMetrics later = window.now;
  later[MountValue::start_time] += 60;
  later[MountValue::hot_hits] = 8;
  const MountWindow next = window_between(window.now, later, 1, 4);
  CHECK(next.rate(MountValue::hot_hits) == 2);
  CHECK(has(top_text(next, "/mnt/kv", false), "since it was mounted"));
}

TEST_CASE("where there are few rows what matters most stays, and fits") {
  const std::string whole = top_text(made_up(), "/mnt/kv", false);
  CHECK(top_text(made_up(), "/mnt/kv", false, 24) == whole);
  std::size_t before = 0;
  for (std::size_t rows = 1; rows <= 24; ++rows) {
    CAPTURE(rows);
    const std::string text = top_text(made_up(), "/mnt/kv", false, rows);
    const auto lines = static_cast<std::size_t>(std::ranges::count(text, '\n'));
    CHECK(lines <= rows);
    CHECK(lines >= before);
    CHECK(has(text, "up 1:01:40"));
    CHECK(has(text, "failures ") == (rows >= 4));
    CHECK(has(text, "hot store ") == (rows >= 7));
    CHECK(has(text, "operation ") == (rows >= 10));
    CHECK(has(text, "\nstore ") == (rows >= 18));
    CHECK(has(text, "\n\n") == (rows >= 24));
    before = lines;
  }
}

TEST_CASE("only the bar has color") {
  const MountWindow window = made_up();
  CHECK(has(top_text(window, "/mnt/kv", true), "[\x1b[32m######\x1b[0m---"));
  CHECK_FALSE(has(top_text(window, "/mnt/kv", false), "\x1b"));
}

TEST_CASE("the record has the same numbers") {
  const std::string text = top_record(made_up(), "/mnt/kv");
  const JsonDocument document(text, "top");
  CHECK(document.root().u64("hot_limit_bytes") == 4096);
  CHECK(has(text, "\"opens_per_second\":10"));
  CHECK(has(text, "\"read\":{\"per_second\":4"));
}

TEST_CASE("top without a mount says how to get one, and refuses intervals that make no sense") {
  const test::Runner runner;
  const test::Result nowhere = runner.run({"top"});
  CHECK(nowhere.status == 10);
  CHECK(has(nowhere.err, "mount.pfcache " + runner.store().native() + " DIR"));
  CHECK(runner.run({"top", runner.path().native(), "--once"}).status == 10);
  for (const char* interval : {"0", "2h", "x"}) CHECK(runner.run({"top", "--interval", interval}).status == 2);
}
