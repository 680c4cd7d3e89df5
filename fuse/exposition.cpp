#include "fuse/exposition.hpp"

#include <fmt/format.h>

#include <iterator>
#include <string_view>

namespace pfcache::fuse {
namespace {

class Writer {
 public:
  void begin(std::string_view metric, std::string_view type, std::string_view help) {
    append("# HELP {} {}\n# TYPE {} {}\n", metric, help, metric, type);
  }

  template <typename Number>
  void sample(std::string_view metric, std::string_view labels, Number number) {
    if (labels.empty()) return append("{} {}\n", metric, number);
    append("{}{{{}}} {}\n", metric, labels, number);
  }

  [[nodiscard]] std::string take() noexcept { return std::move(text_); }

 private:
  template <typename... Args>
  void append(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
  }

  std::string text_;
};

void write_values(Writer& out, const MountMetrics& metrics) {
  std::string_view metric;
  for (std::size_t i = 0; i < kMountValues; ++i) {
    const auto value = static_cast<MountValue>(i);
    if (is_of_store(value) && !metrics.has_store_values) return;
    const MountValueInfo& info = info_of(value);
    if (info.metric != metric) out.begin(info.metric, info.is_counter ? "counter" : "gauge", info.help);
    metric = info.metric;
    out.sample(metric, info.labels, metrics[value]);
  }
}

void write_ratio(Writer& out, std::string_view metric, std::string_view help, std::uint64_t whole, std::uint64_t part) {
  if (part == 0) return;
  out.begin(metric, "gauge", help);
  out.sample(metric, "", static_cast<double>(whole) / static_cast<double>(part));
}

void write_store(Writer& out, const MountMetrics& metrics) {
  if (!metrics.has_store_values) return;
  const std::uint64_t unique_bytes = metrics[MountValue::store_unique_bytes];
  write_ratio(out, "pfcache_store_sharing_ratio", "Logical over unique bytes at the last scan.",
              metrics[MountValue::store_logical_bytes], unique_bytes);
  write_ratio(out, "pfcache_store_encoding_ratio", "Unique bytes over those that store them at the last scan.",
              unique_bytes, metrics[MountValue::store_stored_page_bytes]);
  out.begin("pfcache_store_scan_duration_seconds", "gauge", "How long the last scan of the store took.");
  out.sample("pfcache_store_scan_duration_seconds", "", metrics.store_scan_seconds);
}

// Buckets are cumulative here, and the last one counts everything.
void write_latency(Writer& out, std::string_view operation, const LatencyHistogram& latency) {
  constexpr std::string_view kBucket = "pfcache_operation_duration_seconds_bucket";
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < kLatencyBounds.size(); ++i) {
    count += latency.counts[i];
    out.sample(kBucket, fmt::format(R"(operation="{}",le="{}")", operation, kLatencyBounds[i]), count);
  }
  count += latency.counts.back();
  out.sample(kBucket, fmt::format(R"(operation="{}",le="+Inf")", operation), count);
  const std::string labels = fmt::format(R"(operation="{}")", operation);
  out.sample("pfcache_operation_duration_seconds_sum", labels, latency.sum_seconds);
  out.sample("pfcache_operation_duration_seconds_count", labels, count);
}

void write_latencies(Writer& out, const MountMetrics& metrics) {
  out.begin("pfcache_operation_duration_seconds", "histogram",
            "How long the daemon took for requests of the kernel, by operation.");
  for (std::size_t i = 0; i < kMountOperations; ++i) {
    write_latency(out, name_of(static_cast<MountOperation>(i)), metrics.latencies.at(i));
  }
}

void write_errors(Writer& out, const MountMetrics& metrics) {
  constexpr std::string_view kErrors = "pfcache_operation_errors_total";
  out.begin(kErrors, "counter", "Requests that were answered with an error, by operation and errno.");
  for (const MountErrorCount& it : metrics.errors) {
    out.sample(kErrors, fmt::format(R"(operation="{}",error="{}")", name_of(it.operation), it.error), it.count);
  }
}

}  // namespace

std::string to_exposition(const MountMetrics& metrics) {
  Writer out;
  out.begin("pfcache_build_info", "gauge", "The version of the program; its value is 1.");
  out.sample("pfcache_build_info", fmt::format(R"(version="{}")", metrics.version), 1);
  write_values(out, metrics);
  write_store(out, metrics);
  write_errors(out, metrics);
  write_latencies(out, metrics);
  return out.take();
}

}  // namespace pfcache::fuse
