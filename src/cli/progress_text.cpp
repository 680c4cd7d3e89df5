#include "cli/progress_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/text.hpp"
#include "pfcache/json_writer.hpp"

namespace pfcache::cli {
namespace {

constexpr std::size_t kMinBarColumns = 8;
constexpr std::size_t kMaxBarColumns = 24;
constexpr std::size_t kAroundBar = 3;  // a blank and brackets

std::string clock_text(double seconds) {
  const std::uint64_t all = nearest_whole(seconds);
  if (all < 60) return fmt::format("{} s", all);
  if (all < 3600) return fmt::format("{}:{:02} min", all / 60, all % 60);
  return fmt::format("{}:{:02} h", all / 3600, all / 60 % 60);
}

bool counts_bytes(const ProgressState& state) { return state.noun == "byte"; }

double rate_of(const ProgressState& state) {
  return state.seconds > 0 ? static_cast<double>(state.done) / state.seconds : 0;
}

std::optional<double> seconds_left(const ProgressState& state) {
  if (!state.total || state.done == 0 || state.seconds <= 0) return std::nullopt;
  return static_cast<double>(*state.total - state.done) / rate_of(state);
}

double share_of(const ProgressState& state) {
  return *state.total == 0 ? 1 : static_cast<double>(state.done) / static_cast<double>(*state.total);
}

std::string name_text(const ProgressState& state) {
  return state.command == state.phase ? state.command : fmt::format("{}: {}", state.command, state.phase);
}

std::string amount_text(const ProgressState& state) {
  if (counts_bytes(state)) {
    return human_bytes(state.done) + (state.total ? " of " + human_bytes(*state.total) : "");
  }
  if (!state.total) return counted(state.done, state.noun);
  return fmt::format("{} of {}", state.done, counted(*state.total, state.noun));
}

/// What stands behind the bar, from the fullest to nothing: the rate goes first, and the amount before the time.
std::vector<std::string> endings(const ProgressState& state) {
  if (!state.total && state.done == 0) return {""};
  const std::string amount = "  " + amount_text(state);
  const std::string rate = counts_bytes(state) ? fmt::format("  {}/s", human_bytes(nearest_whole(rate_of(state)))) : "";
  const auto seconds = seconds_left(state);
  const std::string left = seconds ? fmt::format("  {} left", clock_text(*seconds)) : "";
  return {amount + rate + left, amount + left, left, ""};
}

LineText bar_text(double share, std::size_t columns, bool has_color) {
  const auto filled = static_cast<std::size_t>(share * static_cast<double>(columns));
  return {fmt::format(" [{}{}{}{}]", has_color ? "\x1b[32m" : "", std::string(filled, '#'), has_color ? "\x1b[0m" : "",
                      std::string(columns - filled, '-')),
          columns + kAroundBar};
}

}  // namespace

LineText progress_line(const ProgressState& state, std::size_t columns, bool has_color) {
  const std::size_t room = std::max<std::size_t>(columns, 1) - 1;
  const std::string name = name_text(state);
  const std::string percent = state.total ? fmt::format(" {:3.0f} %", 100 * share_of(state)) : "";
  const std::vector<std::string> choices = endings(state);
  for (const std::string& ending : choices) {
    const std::size_t taken = name.size() + percent.size() + ending.size() + kAroundBar;
    if (!state.total || taken + kMinBarColumns > room) continue;
    const LineText bar = bar_text(share_of(state), std::min(kMaxBarColumns, room - taken), has_color);
    return {name + bar.text + percent + ending, name.size() + bar.columns + percent.size() + ending.size()};
  }
  for (const std::string& ending : choices) {
    const std::string text = name + percent + ending;
    if (text.size() <= room) return {text, text.size()};
  }
  const std::string cut = (name + percent).substr(0, room);
  return {cut, cut.size()};
}

std::string progress_record(const ProgressState& state) {
  const bool bytes = counts_bytes(state);
  const auto left = seconds_left(state);
  JsonWriter json;
  json.begin_object().key("progress").begin_object();
  json.field("command", state.command).field("phase", state.phase);
  if (!bytes) json.field("unit", state.noun);
  json.field(bytes ? "done_bytes" : "done", state.done).field(bytes ? "total_bytes" : "total", state.total);
  json.field(bytes ? "bytes_per_second" : "per_second", nearest_whole(rate_of(state)));
  json.field("eta_seconds", left ? std::optional(nearest_whole(*left)) : std::nullopt);
  return json.end_object().end_object().take();
}

}  // namespace pfcache::cli
