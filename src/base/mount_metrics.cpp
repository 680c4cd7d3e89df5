#include "pfcache/mount_metrics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/json_reader.hpp"
#include "pfcache/error.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache {
namespace {

MountValue value_at(std::size_t index) { return static_cast<MountValue>(index); }

MountOperation operation_at(std::size_t index) { return static_cast<MountOperation>(index); }

std::optional<MountOperation> find_operation(std::string_view name) {
  for (std::size_t i = 0; i < kMountOperations; ++i) {
    if (name_of(operation_at(i)) == name) return operation_at(i);
  }
  return std::nullopt;
}

void write_latency(JsonWriter& json, MountOperation operation, const LatencyHistogram& latency) {
  json.begin_object().field("operation", name_of(operation)).field("count", latency.count());
  json.field("seconds", latency.sum_seconds).field("p50_seconds", latency.quantile(0.5));
  json.field("p99_seconds", latency.quantile(0.99)).key("buckets").begin_array();
  for (const std::uint64_t count : latency.counts) json.value(count);
  json.end_array().end_object();
}

void write_latencies(JsonWriter& json, const MountMetrics& metrics) {
  json.key("operations").begin_array();
  for (std::size_t i = 0; i < kMountOperations; ++i) {
    const LatencyHistogram& latency = metrics.latencies.at(i);
    if (latency.count() > 0) write_latency(json, operation_at(i), latency);
  }
  json.end_array();
}

void write_errors(JsonWriter& json, const MountMetrics& metrics) {
  json.key("errors").begin_array();
  for (const MountErrorCount& it : metrics.errors) {
    json.begin_object().field("operation", name_of(it.operation)).field("error", it.error).field("count", it.count);
    json.end_object();
  }
  json.end_array();
}

LatencyHistogram read_latency(const JsonObject& object) {
  const std::vector<std::uint64_t> counts = object.array("buckets").u64s();
  if (counts.size() != kLatencyBuckets) {
    throw Error(Errc::malformed, fmt::format("{}: field 'buckets': expected {} counts, found {}", object.where(),
                                             kLatencyBuckets, counts.size()));
  }
  LatencyHistogram latency;
  std::copy(counts.begin(), counts.end(), latency.counts.begin());
  latency.sum_seconds = object.optional_f64("seconds").value_or(0);
  return latency;
}

void read_values(const JsonObject& root, MountMetrics& metrics) {
  metrics.has_store_values = root.has(info_of(MountValue::store_snapshots).key);
  for (std::size_t i = 0; i < kMountValues; ++i) {
    if (is_of_store(value_at(i)) && !metrics.has_store_values) return;
    metrics.values.at(i) = root.u64(info_of(value_at(i)).key);
  }
  metrics.store_scan_seconds = root.optional_f64("store_scan_seconds").value_or(0);
}

}  // namespace

std::string to_json(const MountMetrics& metrics) {
  JsonWriter json(JsonWriter::Layout::two_spaces);
  json.begin_object().field("version", std::string_view(metrics.version));
  for (std::size_t i = 0; i < kMountValues; ++i) {
    if (is_of_store(value_at(i)) && !metrics.has_store_values) break;
    json.field(info_of(value_at(i)).key, metrics.values.at(i));
  }
  if (metrics.has_store_values) json.field("store_scan_seconds", metrics.store_scan_seconds);
  write_errors(json, metrics);
  write_latencies(json, metrics);
  return json.end_object().take() + '\n';
}

MountMetrics parse_mount_metrics(std::string_view json, std::string_view name) {
  if (json.size() > kMaxMountStatsBytes) {
    throw Error(Errc::too_large,
                fmt::format("{}: expected at most {} bytes, found {}", name, kMaxMountStatsBytes, json.size()));
  }
  const JsonDocument document(json, name);
  const JsonObject root = document.root();
  MountMetrics metrics;
  metrics.version = root.text("version");
  read_values(root, metrics);
  root.array("operations").for_each_object([&](const JsonObject& object) {
    const auto operation = find_operation(object.text("operation"));
    if (operation) metrics.latencies.at(static_cast<std::size_t>(*operation)) = read_latency(object);
  });
  root.array("errors").for_each_object([&](const JsonObject& object) {
    const auto operation = find_operation(object.text("operation"));
    if (operation) metrics.errors.push_back({*operation, std::string(object.text("error")), object.u64("count")});
  });
  return metrics;
}

}  // namespace pfcache
