// Capture of KV-like bf16 pages against the same work done pf-core's way (on the first few of them: it is compared a
// byte), and the pause against one memory copy. All sides take turns in one run; medians are compared.
//
//   bench_capture [PAGES [KIB_PER_HALF [ROUNDS [PF_CORE_PAGES [DIRECTORY]]]]]
#include <fmt/format.h>
#include <stdlib.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <memory>
#include <string_view>
#include <thread>

#include "bench/measure.hpp"
#include "bench/pf_core_way.hpp"
#include "bench/row.hpp"
#include "pfcache/capture.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/store.hpp"
#include "pfcache/synthetic_pager.hpp"

namespace pfcache::bench {
namespace {

namespace fs = std::filesystem;

struct Arguments {
  std::uint32_t pages = 64;
  std::uint32_t kib_per_half = 1024;
  std::uint32_t rounds = 5;
  std::uint32_t pf_core_pages = 2;
  fs::path directory = fs::temp_directory_path();
};

// One layer of such a page is 32 KiB: 16 tokens of 8 heads of 128 bf16.
constexpr std::uint32_t kKibPerLayer = 32;

CacheMeta meta_of(const Arguments& arguments) {
  return {16, std::max(1U, arguments.kib_per_half / kKibPerLayer), 8, 128, DType::bf16};
}

class WorkDirectory {
 public:
  explicit WorkDirectory(const fs::path& parent) {
    std::string name = (parent / "pfcache-bench-XXXXXX").native();
    if (::mkdtemp(name.data()) == nullptr) throw Error::from_last_errno("cannot make " + name);
    path_ = name;
  }
  ~WorkDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }

 private:
  fs::path path_;
};

struct Times {
  std::vector<double> capture;
  std::vector<double> stored_share;  // bytes on disk for a byte of pages
};

// The pages that pf-core's way works on: the first few of ours.
struct Slice {
  std::vector<std::vector<std::byte>> halves;

  Slice(SyntheticCachePager& pager, std::uint32_t pages) {
    for (std::uint32_t ix = 0; ix < pages; ++ix) {
      std::vector<std::byte> k(pager.meta().page_bytes());
      std::vector<std::byte> v(pager.meta().page_bytes());
      pager.read_page({ix}, {k, v});
      halves.push_back(std::move(k));
      halves.push_back(std::move(v));
    }
  }
};

class Bench {
 public:
  explicit Bench(const Arguments& arguments)
      : arguments_(arguments), directory_(arguments.directory), pager_(meta_of(arguments)) {
    pager_.populate_synthetic(arguments.pages, 1, SyntheticCachePager::Content::kv_like);
  }

  void run() {
    const Slice slice(pager_, std::min(arguments_.pages, arguments_.pf_core_pages));
    for (std::uint32_t round = 0; round < arguments_.rounds; ++round) {
      const fs::path path = directory_.path() / fmt::format("{}", round);
      fs::create_directories(path / "theirs");
      run_ours(path / "ours");
      run_theirs(path / "theirs", slice);
      copies_.push_back(time_copy(false));
      copies_into_touched_.push_back(time_copy(true));
      fs::remove_all(path);
    }
    print(slice);
  }

 private:
  [[nodiscard]] double bytes() const {
    return 2.0 * arguments_.pages * static_cast<double>(pager_.meta().page_bytes());
  }

  void run_ours(const fs::path& path) {
    Store store = Store::init(path, Profile::automatic);
    CaptureResult result;
    ours_.capture.push_back(seconds_of([&] {
      const WriterLease lease = store.lease();
      result = capture_cache(pager_, store.blobs());
      store.catalog().seal(result.digest, {});
    }));
    pauses_.push_back(std::chrono::duration<double>(result.pause).count());
    ours_.stored_share.push_back(static_cast<double>(store.blobs().physical_bytes()) / bytes());
    again_.push_back(seconds_of([&] {
      const WriterLease lease = store.lease();
      capture_cache(pager_, store.blobs());
    }));
    hash_only_.push_back(time_hashing());
  }

  void run_theirs(const fs::path& path, const Slice& slice) {
    PfCoreWay store(path, HashBy::sha_instructions);
    theirs_.capture.push_back(seconds_of([&] {
      for (const auto& half : slice.halves) store.put(half);
    }));
    theirs_.stored_share.push_back(static_cast<double>(store.physical_bytes()) / slice_bytes(slice));
  }

  // Into memory that was never touched, or was. The pages are copied out by the pager in both cases.
  double time_copy(bool touched) {
    const std::uint64_t page_bytes = pager_.meta().page_bytes();
    const auto room = std::make_unique_for_overwrite<std::byte[]>(2 * page_bytes * arguments_.pages);
    if (touched) std::memset(room.get(), 0, 2 * page_bytes * arguments_.pages);
    return seconds_of([&] {
      std::byte* at = room.get();
      for (std::uint32_t ix = 0; ix < arguments_.pages; ++ix, at += 2 * page_bytes) {
        pager_.read_page({ix}, {{at, page_bytes}, {at + page_bytes, page_bytes}});
      }
    });
  }

  static double slice_bytes(const Slice& slice) {
    return static_cast<double>(slice.halves.size()) * static_cast<double>(slice.halves.front().size());
  }

  // What a capture of known pages can't do without, on as many threads: a copy and a hash of every byte.
  double time_hashing() {
    const std::uint64_t page_bytes = pager_.meta().page_bytes();
    const std::uint32_t threads = std::max(1U, std::thread::hardware_concurrency());
    return seconds_of([&] {
      std::vector<std::jthread> workers;
      for (std::uint32_t first = 0; first < threads; ++first) {
        workers.emplace_back([&, first] {
          std::vector<std::byte> room(2 * page_bytes * kPagesAtOnce);
          for (std::uint32_t ix = first * kPagesAtOnce; ix < arguments_.pages; ix += threads * kPagesAtOnce) {
            hash_pages(ix, std::min(kPagesAtOnce, arguments_.pages - ix), room);
          }
        });
      }
    });
  }

  void hash_pages(std::uint32_t first_ix, std::uint32_t count, std::span<std::byte> room) {
    const std::uint64_t page_bytes = pager_.meta().page_bytes();
    std::vector<std::span<const std::byte>> halves;
    for (std::uint32_t i = 0; i < count; ++i) {
      const std::span<std::byte> k = room.subspan(2 * i * page_bytes, page_bytes);
      const std::span<std::byte> v = room.subspan((2 * i + 1) * page_bytes, page_bytes);
      pager_.read_page({first_ix + i}, {k, v});
      halves.insert(halves.end(), {k, v});
    }
    std::vector<Digest> digests(halves.size());
    sha256_many(halves, digests);
  }

  void print(const Slice& slice) const {
    const double ours = bytes() / median(ours_.capture) / 1e6;
    const double theirs = slice_bytes(slice) / median(theirs_.capture) / 1e6;
    print_row({"capture, durable", fmt::format("{:.0f} MB/s", ours), fmt::format("{:.2f} MB/s", theirs),
               "pf-core's way", ours / theirs, Bar::at_least, 100});
    const double our_share = median(ours_.stored_share);
    const double their_share = median(theirs_.stored_share);
    print_row({"  bytes on disk a byte of pages", fmt::format("{:.4f}", our_share), fmt::format("{:.4f}", their_share),
               "pf-core's way", our_share / their_share, Bar::at_most, 1});
    const double pause = median(pauses_);
    const double copy = median(copies_);
    const auto print_pause = [&](const char* what, const char* side, double other) {
      print_row({what, fmt::format("{:.1f} ms", pause * 1e3), fmt::format("{:.1f} ms", other * 1e3), side,
                 pause / other, Bar::at_most, kPauseBar});
    };
    print_pause("  pause of the engine", "a copy of its pages into fresh memory", copy);
    print_pause("  pause of the engine", "a copy into memory in use", median(copies_into_touched_));
    const double again = bytes() / median(again_) / 1e6;
    const double hashing = bytes() / median(hash_only_) / 1e6;
    print_row({"  capture of known pages", fmt::format("{:.0f} MB/s", again), fmt::format("{:.0f} MB/s", hashing),
               "copy and hash alone", again / hashing});
  }

  static constexpr std::uint32_t kPagesAtOnce = 8;
  static constexpr double kPauseBar = 1.1;  // the same time, but for noise

  Arguments arguments_;
  WorkDirectory directory_;
  SyntheticCachePager pager_;
  Times ours_;
  Times theirs_;
  std::vector<double> pauses_;
  std::vector<double> copies_;
  std::vector<double> again_;
  std::vector<double> hash_only_;
  std::vector<double> copies_into_touched_;
};

bool parse_number(std::string_view text, std::uint32_t& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size() && out > 0;
}

bool parse_arguments(int argc, char** argv, Arguments& out) {
  std::uint32_t* const numbers[] = {&out.pages, &out.kib_per_half, &out.rounds, &out.pf_core_pages};
  constexpr int kNumbers = 4;
  for (int i = 1; i < argc && i <= kNumbers; ++i) {
    if (!parse_number(argv[i], *numbers[i - 1])) return false;
  }
  if (argc > kNumbers + 1) out.directory = argv[kNumbers + 1];
  return argc <= kNumbers + 2;
}

}  // namespace
}  // namespace pfcache::bench

int main(int argc, char** argv) {
  pfcache::bench::Arguments arguments;
  if (!pfcache::bench::parse_arguments(argc, argv, arguments)) {
    std::fputs("usage: bench_capture [PAGES [KIB_PER_HALF [ROUNDS [PF_CORE_PAGES [DIRECTORY]]]]]\n", stderr);
    return 2;
  }
  try {
    pfcache::bench::Bench(arguments).run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_capture: {}\n", error.what());
    return 1;
  }
  return 0;
}
