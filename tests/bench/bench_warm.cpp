// Saves of warm starts: what the first and the last of many cost, in time and in system calls, and what a look at all
// entries costs, which is what an eviction without a count of bytes needs at every save.
//
//   bench_warm [SAVES [PAYLOAD_BYTES [DIRECTORY]]]
//   bench_warm --only save|scan|nothing SAVES ROOT      what strace counts: so many saves, or looks, and nothing else
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>

#include "bench/measure.hpp"
#include "bench/row.hpp"
#include "pfcache/error.hpp"
#include "pfcache/warm_start_store.hpp"

namespace pfcache::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kKeys = 100;
constexpr std::uint32_t kShare = 10;  // the first and the last tenth are compared
constexpr double kCallsBar = 20;
constexpr double kGrowthBar = 1.25;  // as cheap, but for noise

struct Arguments {
  std::uint32_t saves = 10'000;
  std::uint32_t payload_bytes = 1024;
  fs::path directory = fs::temp_directory_path();
};

WarmStartStore open(const fs::path& root) {
  WarmStartOptions options;
  options.size_budget_bytes = std::numeric_limits<std::uint64_t>::max() / 2;
  return WarmStartStore::open(root, options);
}

Fingerprint key_of(std::uint32_t number) {
  Fingerprinter fingerprinter;
  fingerprinter.absorb_u64("bench", number % kKeys);
  return fingerprinter.finalize();
}

void save(WarmStartStore& store, std::uint32_t number, std::uint32_t payload_bytes) {
  const std::vector<std::byte> payload(payload_bytes, static_cast<std::byte>(number));
  store.save(key_of(number), payload, {1.0, number, EntryKind::checkpoint});
}

// Runs this program again under strace; nothing when that can't be done.
std::optional<double> system_calls(const std::string& what, std::uint32_t times, const fs::path& root) {
  const fs::path counts = root.parent_path() / "strace.txt";
  const std::string command = fmt::format("strace -f -c -o '{}' '{}' --only {} {} '{}' 2>/dev/null", counts.native(),
                                          fs::read_symlink("/proc/self/exe").native(), what, times, root.native());
  if (std::system(command.c_str()) != 0) return std::nullopt;  // NOLINT(*-env33-c,concurrency-mt-unsafe): our own
  std::ifstream file(counts);
  for (std::string line; std::getline(file, line);) {
    // "100.00    0.012345           5      2345       123 total"
    double number = 0;
    double usecs_a_call = 0;
    double calls = 0;
    if (!line.ends_with(" total")) continue;
    const int found = std::sscanf(line.c_str(), "%lf %lf %lf %lf", &number, &number, &usecs_a_call, &calls);
    return found == 4 ? std::optional(calls) : std::nullopt;
  }
  return std::nullopt;
}

void do_only(std::string_view what, std::uint32_t times, const fs::path& root) {
  WarmStartStore store = open(root);
  for (std::uint32_t i = 0; i < times; ++i) {
    if (what == "save") save(store, i, 1024);
    if (what == "scan") store.evict_overflow();
  }
}

void print_calls(const fs::path& root, std::uint32_t entries) {
  constexpr std::uint32_t kTimes = 100;
  const auto start = system_calls("nothing", 0, root);
  const auto saves = system_calls("save", kTimes, root);
  const auto scan = system_calls("scan", 1, root);
  if (!start || !saves || !scan) {
    fmt::print(stderr, "bench_warm: system calls are NOT counted: that takes strace\n");
    return;
  }
  const double a_save = (*saves - *start) / kTimes;
  const double a_scan = *scan - *start;
  print_row({"  system calls", fmt::format("{:.1f}", a_save), fmt::format("{:.0f}", a_scan),
             fmt::format("a look at all {}", entries + kTimes), a_scan / a_save, Bar::at_least, kCallsBar});
}

void run(const Arguments& arguments) {
  std::string name = (arguments.directory / "pfcache-bench-XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr) throw Error::from_last_errno("cannot make " + name);
  const fs::path root = fs::path(name) / "warm";
  WarmStartStore store = open(root);
  std::vector<double> times;
  for (std::uint32_t i = 0; i < arguments.saves; ++i) {
    times.push_back(1e6 * seconds_of([&] { save(store, i, arguments.payload_bytes); }));
  }
  const auto share = static_cast<std::ptrdiff_t>(arguments.saves / kShare);
  const double first = median({times.begin(), times.begin() + share});
  const double last = median({times.end() - share, times.end()});
  const double scan = 1e6 * seconds_of([&] { store.evict_overflow(); });
  print_row({fmt::format("a durable save of {} bytes, last {} of {}", arguments.payload_bytes, share, arguments.saves),
             fmt::format("{:.0f} us", last), fmt::format("{:.0f} us", first), fmt::format("the first {}", share),
             last / first, Bar::at_most, kGrowthBar});
  print_row({"  against a look at all entries", fmt::format("{:.0f} us", last), fmt::format("{:.0f} us", scan),
             fmt::format("{} entries", arguments.saves), scan / last});
  print_calls(root, arguments.saves);
  std::error_code ignored;
  fs::remove_all(name, ignored);
}

std::uint32_t parse_number(std::string_view text, std::uint32_t least) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < least) {
    throw Error(Errc::invalid_argument, fmt::format("expected a number of at least {}, found '{}'", least, text));
  }
  return number;
}

void main_of(const std::vector<std::string>& args) {
  if (args.size() == 4 && args[0] == "--only") return do_only(args[1], parse_number(args[2], 0), args[3]);
  Arguments arguments;
  if (!args.empty()) arguments.saves = parse_number(args[0], kShare);
  if (args.size() > 1) arguments.payload_bytes = parse_number(args[1], 0);
  if (args.size() > 2) arguments.directory = args[2];
  run(arguments);
}

}  // namespace
}  // namespace pfcache::bench

int main(int argc, char** argv) {
  try {
    pfcache::bench::main_of({argv + 1, argv + argc});
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_warm: {}\n", error.what());
    return 1;
  }
  return 0;
}
