#include "cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "cli/ranked_lines.hpp"
#include "cli/text.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache::cli {
namespace {

/// What stays longest on a terminal with few rows comes first.
enum class Rank : std::uint8_t {
  head,
  opens,
  hot,
  failures,
  decoded,
  read,
  hot_store,
  written,
  latency_of_open,
  latency_of_read,
  latency_of_lookup,
  latency_of_commit,
  latency_of_write,
  latency_of_create,
  latency_of_getattr,
  latency_of_readdir,
  store,
  sharing,
  hot_files,
  blank,
};

struct ShownOperation {
  MountOperation operation;
  Rank rank;
};
constexpr std::array<ShownOperation, 8> kShownOperations = {{{MountOperation::lookup, Rank::latency_of_lookup},
                                                             {MountOperation::getattr, Rank::latency_of_getattr},
                                                             {MountOperation::open, Rank::latency_of_open},
                                                             {MountOperation::read, Rank::latency_of_read},
                                                             {MountOperation::readdir, Rank::latency_of_readdir},
                                                             {MountOperation::create, Rank::latency_of_create},
                                                             {MountOperation::write, Rank::latency_of_write},
                                                             {MountOperation::commit, Rank::latency_of_commit}}};

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

/// The lines of the picture, without blanks at their ends.
class Picture {
 public:
  void add(Rank rank, std::string line) {
    line = cut(std::move(line));
    line.resize(line.find_last_not_of(' ') + 1);
    add_colored(rank, std::move(line));
  }

  /// A line with codes for colors in it is not cut.
  void add_colored(Rank rank, std::string line) { lines_.add(static_cast<unsigned>(rank), std::move(line)); }

  void add_blank() { add(Rank::blank, ""); }

  [[nodiscard]] std::string text(std::size_t rows) const { return lines_.text(rows); }

 private:
  RankedLines lines_;
};

std::string row(std::string_view what, const std::string& value, const std::string& rest) {
  return fmt::format("{:<11}{:>14}   {}", what, value, rest);
}

void add_head(const MountWindow& window, std::string_view directory, Picture& picture) {
  const bool whole = window.now[MountValue::start_time] != window.earlier[MountValue::start_time];
  // The directory comes last: it may be long, and is what one knows anyway.
  picture.add(Rank::head, fmt::format("up {}  passthrough {}  {}  {}", clock_text(window.up_seconds),
                                      window.now[MountValue::passthrough] != 0 ? "on" : "off",
                                      whole ? "since it was mounted" : fmt::format("last {:.1f} s", window.seconds),
                                      printable(directory)));
}

void add_traffic(const MountWindow& window, Picture& picture) {
  const auto add = [&](Rank rank, std::string_view what, const std::string& value, const std::string& rest) {
    picture.add(rank, row(what, value, rest));
  };
  const auto rate = [&](MountValue counter) { return number(window.rate(counter)); };
  const auto bytes = [&](MountValue counter) { return byte_rate(window.rate(counter)); };
  add(Rank::opens, "opens", number(window.per_second(window.opens())) + "/s",
      fmt::format("pages {}  halves {}  manifests {}", rate(MountValue::page_opens), rate(MountValue::half_opens),
                  rate(MountValue::manifest_opens)));
  add(Rank::hot, "hot", percent(window.hit_ratio()),
      fmt::format("hits {}/s  misses {}/s", rate(MountValue::hot_hits), rate(MountValue::hot_misses)));
  add(Rank::decoded, "decoded", bytes(MountValue::decoded_bytes),
      fmt::format("ahead of readers {}", bytes(MountValue::read_ahead_bytes)));
  add(Rank::read, "read", bytes(MountValue::read_bytes),
      window.now[MountValue::passthrough] != 0 ? "besides what passes through" : "");
  add(Rank::written, "written", bytes(MountValue::written_bytes), "");
}

void add_hot_store(const MountWindow& window, bool has_color, Picture& picture) {
  const MountMetrics& now = window.now;
  const auto share = fill(now);
  // The bar comes last: it is what a narrow terminal can do without.
  picture.add_colored(Rank::hot_store, row("hot store", percent(share),
                                           fmt::format("{} of {}  {}", human_bytes(now[MountValue::hot_held_bytes]),
                                                       human_bytes(now[MountValue::hot_limit_bytes]),
                                                       bar(share.value_or(0), has_color))));
  picture.add(Rank::hot_files, row("", "",
                                   fmt::format("{} of {}, {} evicted/s", now[MountValue::hot_files],
                                               counted(now[MountValue::hot_limit_files], "file"),
                                               number(window.rate(MountValue::hot_evictions)))));
}

void add_latencies(const MountWindow& window, Picture& picture) {
  picture.add(Rank::latency_of_open, fmt::format("{:<11}{:>14}{:>12}{:>12}", "operation", "per second", "p50", "p99"));
  for (const auto& [operation, rank] : kShownOperations) {
    const LatencyHistogram latency = window.latency(operation);
    const bool any = latency.count() > 0;
    picture.add(
        rank,
        fmt::format("{:<11}{:>14}{:>12}{:>12}", name_of(operation), number(window.per_second(latency.count())),
                    any ? latency_text(latency.quantile(0.5)) : "-", any ? latency_text(latency.quantile(0.99)) : "-"));
  }
}

void add_store(const MountMetrics& now, Picture& picture) {
  if (!now.has_store_values) return picture.add(Rank::store, "store      not counted yet");
  const std::uint64_t logical = now[MountValue::store_logical_bytes];
  const std::uint64_t unique = now[MountValue::store_unique_bytes];
  const std::uint64_t stored = now[MountValue::store_stored_page_bytes];
  picture.add(Rank::store, fmt::format("store      {}, {}, {}", counted(now[MountValue::store_snapshots], "snapshot"),
                                       counted(now[MountValue::store_names], "name"),
                                       counted(now[MountValue::store_pages], "page")));
  picture.add(Rank::sharing, fmt::format("           {} in {}: {} by sharing, {} by encoding", human_bytes(logical),
                                         human_bytes(stored), ratio(logical, unique), ratio(unique, stored)));
}

void add_failures(const MountMetrics& now, Picture& picture) {
  std::uint64_t errors = 0;
  for (const MountErrorCount& error : now.errors) errors += error.count;
  picture.add(Rank::failures, fmt::format("failures   {} of verification, {} since it was mounted",
                                          now[MountValue::verify_failures], counted(errors, "error")));
}

std::optional<double> quotient(std::uint64_t whole, std::uint64_t part) {
  if (whole == 0 || part == 0) return std::nullopt;
  return static_cast<double>(whole) / static_cast<double>(part);
}

void add_operations(const MountWindow& window, JsonWriter& json) {
  json.key("operations").begin_object();
  for (const auto& [operation, rank] : kShownOperations) {
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

std::string top_text(const MountWindow& window, std::string_view directory, bool has_color, std::size_t rows) {
  Picture picture;
  add_head(window, directory, picture);
  picture.add_blank();
  add_traffic(window, picture);
  picture.add_blank();
  add_hot_store(window, has_color, picture);
  picture.add_blank();
  add_latencies(window, picture);
  picture.add_blank();
  add_store(window.now, picture);
  add_failures(window.now, picture);
  return picture.text(rows);
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
