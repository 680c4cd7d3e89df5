#include "cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "cli/text.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache::cli {
namespace {

constexpr std::array kShownOperations = {MountOperation::lookup, MountOperation::getattr, MountOperation::open,
                                         MountOperation::read,   MountOperation::readdir, MountOperation::create,
                                         MountOperation::write,  MountOperation::commit};

/// Cuts between characters, which may be of several bytes.
std::string cut(std::string line) {
  if (line.size() <= kTopColumns) return line;
  std::size_t end = kTopColumns;
  while (end > 0 && (static_cast<unsigned char>(line[end]) & 0xC0U) == 0x80U) --end;
  line.resize(end);
  return line;
}

std::string number(double value) { return value < 1000 ? fmt::format("{:.1f}", value) : fmt::format("{:.0f}", value); }

std::string byte_rate(double bytes_per_second) { return human_bytes(nearest_whole(bytes_per_second)) + "/s"; }

std::string percent(std::optional<double> share) { return share ? fmt::format("{:.1f} %", 100 * *share) : "-"; }

std::string latency_text(double seconds) {
  if (seconds < 1e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  return seconds < 1 ? fmt::format("{:.1f} ms", seconds * 1e3) : fmt::format("{:.1f} s", seconds);
}

std::string clock_text(double seconds) {
  const std::uint64_t all = nearest_whole(std::floor(seconds));
  return fmt::format("{}:{:02}:{:02}", all / 3600, all / 60 % 60, all % 60);
}

std::optional<double> fill(const MountMetrics& metrics) {
  const auto limit = static_cast<double>(metrics[MountValue::hot_limit_bytes]);
  if (limit == 0) return std::nullopt;
  return std::min(1.0, static_cast<double>(metrics[MountValue::hot_held_bytes]) / limit);
}

std::string bar(double share, bool has_color) {
  constexpr std::size_t kColumns = 24;
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(kColumns) + 0.5);
  return fmt::format("[{}{}{}{}]", has_color ? "\x1b[32m" : "", std::string(filled, '#'), has_color ? "\x1b[0m" : "",
                     std::string(kColumns - filled, '-'));
}

std::string head(const MountWindow& window, std::string_view directory) {
  const bool whole = window.now[MountValue::start_time] != window.earlier[MountValue::start_time];
  // The directory comes last: it may be long, and is what one knows anyway.
  return cut(fmt::format("up {}  passthrough {}  {}  {}", clock_text(window.up_seconds),
                         window.now[MountValue::passthrough] != 0 ? "on" : "off",
                         whole ? "since it was mounted" : fmt::format("last {:.1f} s", window.seconds),
                         printable(directory))) +
         "\n";
}

std::string traffic(const MountWindow& window) {
  const auto row = [](std::string_view what, const std::string& value, const std::string& rest) {
    const std::string line = cut(fmt::format("{:<11}{:>14}   {}", what, value, rest));
    return line.substr(0, line.find_last_not_of(' ') + 1) + '\n';
  };
  const auto rate = [&](MountValue counter) { return number(window.rate(counter)); };
  const auto bytes = [&](MountValue counter) { return byte_rate(window.rate(counter)); };
  return row("opens", number(window.per_second(window.opens())) + "/s",
             fmt::format("pages {}  halves {}  manifests {}", rate(MountValue::page_opens),
                         rate(MountValue::half_opens), rate(MountValue::manifest_opens))) +
         row("hot", percent(window.hit_ratio()),
             fmt::format("hits {}/s  misses {}/s", rate(MountValue::hot_hits), rate(MountValue::hot_misses))) +
         row("decoded", bytes(MountValue::decoded_bytes),
             fmt::format("ahead of readers {}", bytes(MountValue::read_ahead_bytes))) +
         row("read", bytes(MountValue::read_bytes),
             window.now[MountValue::passthrough] != 0 ? "besides what passes through" : "") +
         row("written", bytes(MountValue::written_bytes), "");
}

std::string hot_store(const MountWindow& window, bool has_color) {
  const MountMetrics& now = window.now;
  const auto share = fill(now);
  return fmt::format("hot store  {} {:>7}  {} of {}\n", bar(share.value_or(0), has_color), percent(share),
                     human_bytes(now[MountValue::hot_held_bytes]), human_bytes(now[MountValue::hot_limit_bytes])) +
         cut(fmt::format("           {} of {}, {} evicted/s", now[MountValue::hot_files],
                         counted(now[MountValue::hot_limit_files], "file"),
                         number(window.rate(MountValue::hot_evictions)))) +
         "\n";
}

std::string latencies(const MountWindow& window) {
  std::string text = fmt::format("{:<11}{:>14}{:>12}{:>12}\n", "operation", "per second", "p50", "p99");
  for (const MountOperation operation : kShownOperations) {
    const LatencyHistogram latency = window.latency(operation);
    const bool any = latency.count() > 0;
    text += cut(fmt::format("{:<11}{:>14}{:>12}{:>12}", name_of(operation), number(window.per_second(latency.count())),
                            any ? latency_text(latency.quantile(0.5)) : "-",
                            any ? latency_text(latency.quantile(0.99)) : "-")) +
            "\n";
  }
  return text;
}

std::string store_lines(const MountMetrics& now) {
  if (!now.has_store_values) return "store      not counted yet\n";
  const std::uint64_t unique = now[MountValue::store_unique_bytes];
  return cut(fmt::format("store      {}, {}, {}", counted(now[MountValue::store_snapshots], "snapshot"),
                         counted(now[MountValue::store_names], "name"),
                         counted(now[MountValue::store_pages], "page"))) +
         "\n" +
         cut(fmt::format(
             "           {} in {}: {} by sharing, {} by encoding", human_bytes(now[MountValue::store_logical_bytes]),
             human_bytes(now[MountValue::store_stored_page_bytes]), ratio(now[MountValue::store_logical_bytes], unique),
             ratio(unique, now[MountValue::store_stored_page_bytes]))) +
         "\n";
}

std::string failures(const MountMetrics& now) {
  std::uint64_t errors = 0;
  for (const MountErrorCount& error : now.errors) errors += error.count;
  return cut(fmt::format("failures   {} of verification, {} since it was mounted", now[MountValue::verify_failures],
                         counted(errors, "error"))) +
         "\n";
}

std::optional<double> quotient(std::uint64_t whole, std::uint64_t part) {
  if (whole == 0 || part == 0) return std::nullopt;
  return static_cast<double>(whole) / static_cast<double>(part);
}

void add_operations(const MountWindow& window, JsonWriter& json) {
  json.key("operations").begin_object();
  for (const MountOperation operation : kShownOperations) {
    const LatencyHistogram latency = window.latency(operation);
    const auto quantile = [&](double q) {
      return latency.count() > 0 ? std::optional(latency.quantile(q)) : std::nullopt;
    };
    json.key(name_of(operation)).begin_object();
    json.field("per_second", window.per_second(latency.count()));
    json.field("p50_seconds", quantile(0.5)).field("p99_seconds", quantile(0.99)).end_object();
  }
  json.end_object();
}

}  // namespace

std::string top_text(const MountWindow& window, std::string_view directory, bool has_color) {
  return head(window, directory) + "\n" + traffic(window) + "\n" + hot_store(window, has_color) + "\n" +
         latencies(window) + "\n" + store_lines(window.now) + failures(window.now);
}

std::string top_record(const MountWindow& window, std::string_view directory) {
  const MountMetrics& now = window.now;
  const auto of_store = [&](MountValue whole, MountValue part) {
    return now.has_store_values ? quotient(now[whole], now[part]) : std::nullopt;
  };
  JsonWriter json;
  json.begin_object().field("directory", as_utf8(directory)).field("seconds", window.seconds);
  json.field("opens_per_second", window.per_second(window.opens())).field("hot_hit_ratio", window.hit_ratio());
  json.field("decoded_bytes_per_second", window.rate(MountValue::decoded_bytes));
  json.field("read_bytes_per_second", window.rate(MountValue::read_bytes));
  json.field("written_bytes_per_second", window.rate(MountValue::written_bytes));
  json.field("hot_held_bytes", now[MountValue::hot_held_bytes])
      .field("hot_limit_bytes", now[MountValue::hot_limit_bytes]);
  json.field("sharing_ratio", of_store(MountValue::store_logical_bytes, MountValue::store_unique_bytes));
  json.field("encoding_ratio", of_store(MountValue::store_unique_bytes, MountValue::store_stored_page_bytes));
  add_operations(window, json);
  return json.end_object().take();
}

}  // namespace pfcache::cli
