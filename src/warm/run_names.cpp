#include "warm/run_names.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "pfcache/warm_start_store.hpp"

namespace pfcache {
namespace {

constexpr std::string_view kJson = ".json";
constexpr std::string_view kBin = ".bin";
constexpr std::string_view kGamTemp = ".tmp.";
constexpr std::string_view kOwnTemp = ".tmp-";
constexpr std::size_t kMaxRunChars = 128;

bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::optional<std::string> run_before(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix)) return std::nullopt;
  name.remove_suffix(suffix.size());
  return is_valid_run(name) ? std::optional<std::string>(name) : std::nullopt;
}

}  // namespace

bool is_valid_run(std::string_view run) noexcept {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '.' || c == '_' || c == '-';
  };
  if (run.empty() || run.size() > kMaxRunChars || run.front() == '.') return false;
  return std::all_of(run.begin(), run.end(), is_allowed) && run.find(kGamTemp) == std::string_view::npos;
}

std::string json_name(std::string_view run) { return fmt::format("{}{}", run, kJson); }
std::string bin_name(std::string_view run) { return fmt::format("{}{}", run, kBin); }

std::optional<std::string> run_of_json(std::string_view name) { return run_before(name, kJson); }
std::optional<std::string> run_of_bin(std::string_view name) { return run_before(name, kBin); }

bool is_own_temp_name(std::string_view name) noexcept {
  constexpr std::size_t kRandomChars = 16;
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  if (!name.starts_with(kOwnTemp) || name.size() != kOwnTemp.size() + kRandomChars) return false;
  return std::ranges::all_of(name.substr(kOwnTemp.size()), is_hex);
}

bool is_gam_temp_name(std::string_view name) noexcept {
  const std::size_t at = name.find(kGamTemp);
  if (at == std::string_view::npos) return false;
  const std::string_view rest = name.substr(at + kGamTemp.size());
  const std::size_t dot = rest.find('.');
  if (dot == 0 || dot == std::string_view::npos) return false;
  return std::all_of(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(dot), is_digit);
}

std::string fresh_run(std::chrono::nanoseconds unix_time) {
  // Clocks stand still for a moment, are set back, and in tests are made up.
  static std::atomic<std::int64_t> last{0};
  std::int64_t before = last;
  std::int64_t nanos = 0;
  do {
    nanos = std::max<std::int64_t>(unix_time.count(), before + 1);
  } while (!last.compare_exchange_weak(before, nanos));
  return fmt::format("r{:x}-{:x}", ::getpid(), nanos);
}

}  // namespace pfcache
