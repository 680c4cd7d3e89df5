// How a clean-up, statistics and a listing grow with the store: stores of more and more blobs, none of which has bytes.
// Each measurement is a process of its own, so that its peak of memory is its own.
//
//   bench_scale [BLOBS [DIRECTORY]]      from 10,000 blobs on, ten times as many at each step, up to BLOBS (1,000,000)
#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "bench/measure.hpp"
#include "pfcache/error.hpp"
#include "pfcache/gc.hpp"
#include "pfcache/inspect.hpp"
#include "pfcache/sha256.hpp"

namespace pfcache::bench {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kPagesOfSnapshot = 100'000;
constexpr std::uint64_t kGarbageShare = 10;  // a tenth of the blobs

Digest made_up_digest(std::uint64_t number) { return sha256(std::as_bytes(std::span(&number, 1))); }

// A collector never reads pages: that they are there under their names is enough.
void make_blob(int blobs_fd, const Digest& digest) {
  const std::string hex = digest.hex();
  const std::string path = fmt::format("{}/{}.raw", hex.substr(0, 2), hex);
  const int fd = ::openat(blobs_fd, path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
  if (fd < 0) throw Error::from_last_errno("cannot make " + path);
  ::close(fd);
}

void seal_snapshot(Store& store, std::uint64_t first_blob, std::uint64_t pages) {
  PageManifest manifest;
  manifest.meta = {16, 2, 2, 64, DType::bf16};
  for (std::uint32_t ix = 0; ix < pages; ++ix) {
    manifest.pages.push_back({{ix}, made_up_digest(first_blob + 2 * ix), made_up_digest(first_blob + 2 * ix + 1)});
  }
  const std::string json = manifest.to_json();
  const Digest digest = store.blobs().put(std::as_bytes(std::span(json))).digest;
  store.catalog().seal(digest, {1, "bench_scale", "", false, pages, 2 * pages * manifest.meta.page_bytes()});
}

void make_store(const fs::path& path, std::uint64_t blobs) {
  Store store = Store::init(path);
  const WriterLease lease = store.lease();
  const fs::path shards = path / "blobs" / "sha256";
  for (unsigned shard = 0; shard < 256; ++shard) fs::create_directories(shards / fmt::format("{:02x}", shard));
  const UniqueFd fd(::open(shards.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  for (std::uint64_t i = 0; i < blobs; ++i) make_blob(fd.get(), made_up_digest(i));
  const std::uint64_t needed = blobs - blobs / kGarbageShare;
  for (std::uint64_t first = 0; first < needed;) {
    const std::uint64_t pages = std::min(kPagesOfSnapshot, (needed - first) / 2);
    if (pages == 0) break;
    seal_snapshot(store, first, pages);
    first += 2 * pages;
  }
}

struct Measured {
  double seconds = 0;
  double peak_mib = 0;
};

double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  throw std::runtime_error("no VmHWM in /proc/self/status");
}

void collect(const fs::path& path, bool dry_run) {
  Store store = Store::open(path);
  GcOptions options;
  options.grace = std::chrono::seconds(0);
  options.dry_run = dry_run;
  if (collect_garbage(store, options).blobs_removed == 0) throw std::runtime_error("no garbage was found");
}

// One measurement, in the process that was started for it.
void measure_here(std::string_view what, const fs::path& path) {
  const double seconds = seconds_of([&] {
    if (what == "stats") {
      std::ignore = collect_stats(Store::open(path));
    } else if (what == "list") {
      const Store store = Store::open(path);
      for (const Digest& digest : store.catalog().snapshots()) std::ignore = store.catalog().find(digest);
    } else {
      collect(path, what == "mark");
    }
  });
  fmt::print("{} {}\n", seconds, peak_mib());
}

Measured measure(const char* what, const fs::path& path) {
  const std::string command = fmt::format("/proc/{}/exe --measure {} '{}'", ::getpid(), what, path.native());
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw Error::from_last_errno("cannot run " + command);
  Measured measured;
  const int found = std::fscanf(pipe, "%lf %lf", &measured.seconds, &measured.peak_mib);
  if (::pclose(pipe) != 0 || found != 2) throw std::runtime_error(command + " failed");
  return measured;
}

void run_step(const fs::path& parent, std::uint64_t blobs) {
  const fs::path path = parent / fmt::format("{}", blobs);
  const double making = seconds_of([&] { make_store(path, blobs); });
  std::string line = fmt::format("{:>9}", blobs);
  for (const char* what : {"mark", "stats", "list", "sweep"}) {
    const Measured measured = measure(what, path);
    line += fmt::format("  {:>8.3f} s {:>6.1f} MiB", measured.seconds, measured.peak_mib);
  }
  fmt::print("{}   (made in {:.1f} s)\n", line, making);
  std::fflush(stdout);
  fs::remove_all(path);
}

void run(std::uint64_t most_blobs, const fs::path& parent) {
  std::string name = (parent / "pfcache-scale-XXXXXX").native();
  if (::mkdtemp(name.data()) == nullptr) throw Error::from_last_errno("cannot make " + name);
  fmt::print(
      "Snapshots of {} pages (fewer in a small store), a tenth of the blobs garbage. mark: gc --dry-run; sweep: gc.\n\n"
      "{:>9}  {:>21}  {:>21}  {:>21}  {:>21}\n",
      kPagesOfSnapshot, "blobs", "mark", "stats", "list", "sweep");
  for (std::uint64_t blobs = 10'000; blobs <= most_blobs; blobs *= 10) run_step(name, blobs);
  fs::remove_all(name);
}

}  // namespace
}  // namespace pfcache::bench

int main(int argc, char** argv) {
  using namespace pfcache::bench;
  try {
    if (argc == 4 && std::string_view(argv[1]) == "--measure") {
      measure_here(argv[2], argv[3]);
      return 0;
    }
    std::uint64_t most_blobs = 1'000'000;
    if (argc > 1) {
      const std::string_view text = argv[1];
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), most_blobs);
      if (argc > 3 || error != std::errc() || end != text.data() + text.size()) {
        std::fputs("usage: bench_scale [BLOBS [DIRECTORY]]\n", stderr);
        return 2;
      }
    }
    run(most_blobs, argc > 2 ? fs::path(argv[2]) : fs::temp_directory_path());
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_scale: {}\n", error.what());
    return 1;
  }
  return 0;
}
