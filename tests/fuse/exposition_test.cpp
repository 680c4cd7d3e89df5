#include "fuse/exposition.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pfcache;
using namespace pfcache::fuse;

namespace {

bool has_line(const std::string& text, const std::string& line) {
  return text.starts_with(line + "\n") || text.find("\n" + line + "\n") != std::string::npos;
}

MountMetrics sample() {
  MountMetrics metrics;
  metrics.version = "1.2.3";
  metrics[MountValue::page_opens] = 7;
  metrics[MountValue::half_opens] = 2;
  LatencyHistogram& latency = metrics.latencies.at(static_cast<std::size_t>(MountOperation::open));
  latency.counts[0] = 1;
  latency.counts[2] = 4;
  latency.counts.back() = 1;
  latency.sum_seconds = 40.5;
  metrics.errors.push_back({MountOperation::open, "EIO", 3});
  return metrics;
}

}  // namespace

TEST_CASE("a metric is introduced once, whatever number of labels it has") {
  const std::string text = to_exposition(sample());
  CHECK(text.find("# TYPE pfcache_opens_total counter\npfcache_opens_total{kind=\"page\"} 7\n"
                  "pfcache_opens_total{kind=\"half\"} 2\n") != std::string::npos);
  CHECK(text.find("# HELP pfcache_opens_total") == text.rfind("# HELP pfcache_opens_total"));
  CHECK(has_line(text, R"(pfcache_build_info{version="1.2.3"} 1)"));
  CHECK(has_line(text, R"(pfcache_operation_errors_total{operation="open",error="EIO"} 3)"));
}

TEST_CASE("buckets are cumulative, and the last is the count") {
  const std::string text = to_exposition(sample());
  const std::string metric = "pfcache_operation_duration_seconds";
  CHECK(has_line(text, "# TYPE " + metric + " histogram"));
  CHECK(has_line(text, metric + R"(_bucket{operation="open",le="1e-05"} 1)"));
  CHECK(has_line(text, metric + R"(_bucket{operation="open",le="5e-05"} 5)"));
  CHECK(has_line(text, metric + R"(_bucket{operation="open",le="30"} 5)"));
  CHECK(has_line(text, metric + R"(_bucket{operation="open",le="+Inf"} 6)"));
  CHECK(has_line(text, metric + R"(_sum{operation="open"} 40.5)"));
  CHECK(has_line(text, metric + R"(_count{operation="open"} 6)"));
  CHECK(has_line(text, metric + R"(_count{operation="write"} 0)"));
}

TEST_CASE("of the store there are numbers once it has been scanned, and ratios where they mean something") {
  MountMetrics metrics = sample();
  CHECK(to_exposition(metrics).find("pfcache_store") == std::string::npos);
  metrics.has_store_values = true;
  CHECK(to_exposition(metrics).find("_ratio") == std::string::npos);
  metrics[MountValue::store_logical_bytes] = 300;
  metrics[MountValue::store_unique_bytes] = 200;
  metrics[MountValue::store_stored_page_bytes] = 100;
  const std::string text = to_exposition(metrics);
  CHECK(has_line(text, "pfcache_store_sharing_ratio 1.5"));
  CHECK(has_line(text, "pfcache_store_encoding_ratio 2"));
  CHECK(has_line(text, "pfcache_store_logical_bytes 300"));
}
