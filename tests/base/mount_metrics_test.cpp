#include "pfcache/mount_metrics.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "support/failure.hpp"

namespace pfcache::test {
namespace {

LatencyHistogram& latency_of(MountMetrics& metrics, MountOperation operation) {
  return metrics.latencies.at(static_cast<std::size_t>(operation));
}

// Every number another one.
MountMetrics sample() {
  MountMetrics metrics;
  metrics.version = "0.1 \"x\"";
  std::uint64_t next = 1;
  for (std::uint64_t& value : metrics.values) value = next++;
  metrics.has_store_values = true;
  metrics.store_scan_seconds = 0.25;
  latency_of(metrics, MountOperation::commit).counts[3] = 7;
  latency_of(metrics, MountOperation::commit).counts.back() = 1;
  latency_of(metrics, MountOperation::commit).sum_seconds = 1.5;
  metrics.errors.push_back({MountOperation::open, "EIO", 3});
  return metrics;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

TEST_CASE("what is written is read back") {
  const MountMetrics metrics = sample();
  const MountMetrics again = parse_mount_metrics(to_json(metrics), "stats.json");
  CHECK(again.version == metrics.version);
  CHECK(again.values == metrics.values);
  CHECK(again.has_store_values);
  CHECK(again.store_scan_seconds == 0.25);
  CHECK(again.latency(MountOperation::commit).counts == metrics.latency(MountOperation::commit).counts);
  CHECK(again.latency(MountOperation::commit).sum_seconds == 1.5);
  CHECK(again.latency(MountOperation::lookup).count() == 0);
  REQUIRE(again.errors.size() == 1);
  CHECK(again.errors[0].operation == MountOperation::open);
  CHECK(again.errors[0].error == "EIO");
  CHECK(again.errors[0].count == 3);
}

TEST_CASE("before the store was scanned nothing is said of it") {
  MountMetrics metrics = sample();
  metrics.has_store_values = false;
  const std::string json = to_json(metrics);
  CHECK(json.find("store_") == std::string::npos);
  CHECK_FALSE(parse_mount_metrics(json, "stats.json").has_store_values);
}

TEST_CASE("operations and fields of a newer mount are skipped") {
  const std::string json = replaced(to_json(sample()), R"("commit")", R"("teleport")");
  const MountMetrics metrics = parse_mount_metrics(replaced(json, "{", R"({"colour": "blue",)"), "stats.json");
  CHECK(metrics.latency(MountOperation::commit).count() == 0);
  CHECK(metrics[MountValue::hot_hits] == sample()[MountValue::hot_hits]);
}

TEST_CASE("what is no stats.json is refused by name") {
  const std::string json = to_json(sample());
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), replaced(json, R"("hot_hits")", R"("hot_hit")"),
        replaced(json, R"("errors": [)", R"("errors": 1, "x": [)"), replaced(json, "        7,\n", ""),
        replaced(json, "        7,\n", "        -7,\n")}) {
    CAPTURE(text);
    const Failure failure = failure_of([&] { static_cast<void>(parse_mount_metrics(text, "stats.json")); });
    CHECK(failure.code == Errc::malformed);
    CHECK(failure.what.find("stats.json") != std::string::npos);
  }
  const std::string huge(kMaxMountStatsBytes + 1, ' ');
  CHECK(failure_of([&] { static_cast<void>(parse_mount_metrics(huge, "x")); }).code == Errc::too_large);
}

TEST_CASE("every value has a key of its own, and every operation a name") {
  std::set<std::string_view> keys;
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kMountValues; ++i) keys.insert(info_of(static_cast<MountValue>(i)).key);
  for (std::size_t i = 0; i < kMountOperations; ++i) names.insert(name_of(static_cast<MountOperation>(i)));
  CHECK(keys.size() == kMountValues);
  CHECK(names.size() == kMountOperations);
}

TEST_CASE("a quantile lies in the bucket of its request, in proportion") {
  LatencyHistogram latency;
  CHECK(latency.quantile(0.5) == 0);
  latency.counts[0] = 10;
  CHECK(latency.quantile(1) == doctest::Approx(kLatencyBounds[0]));
  CHECK(latency.quantile(0.5) == doctest::Approx(kLatencyBounds[0] / 2));
  latency.counts[2] = 10;
  CHECK(latency.quantile(0.5) == doctest::Approx(kLatencyBounds[0]));
  CHECK(latency.quantile(0.75) == doctest::Approx((kLatencyBounds[1] + kLatencyBounds[2]) / 2));
  latency.counts.back() = 80;
  CHECK(latency.quantile(0.99) == kLatencyBounds.back());
}

TEST_CASE("the requests since an earlier state are the difference") {
  LatencyHistogram earlier;
  earlier.counts[1] = 2;
  earlier.sum_seconds = 1;
  LatencyHistogram later = earlier;
  later.counts[1] = 5;
  later.counts[4] = 1;
  later.sum_seconds = 3;
  const LatencyHistogram added = later.since(earlier);
  CHECK(added.counts[1] == 3);
  CHECK(added.count() == 4);
  CHECK(added.sum_seconds == 2);
}

}  // namespace
}  // namespace pfcache::test
