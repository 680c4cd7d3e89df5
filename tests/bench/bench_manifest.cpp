// Parses the manifest of a snapshot of many pages, no two blobs of it alike, and seals it in a new store for
// bench_pages.py to mount; its pages themselves are not there.
//
//   bench_manifest STORE [PAGES]
#include <fmt/format.h>

#include <charconv>
#include <cstring>
#include <exception>

#include "bench/measure.hpp"
#include "bench/row.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/store.hpp"

namespace pfcache::bench {
namespace {

constexpr int kRounds = 7;

Digest made_up(std::uint32_t page, char half) {
  const std::string text = fmt::format("{}{}", half, page);
  return sha256(std::as_bytes(std::span(text)));
}

std::string make_manifest(std::uint32_t pages) {
  PageManifest manifest;
  manifest.meta = {16, 4, 4, 64, DType::bf16};
  LogicalSeq seq{"seq-all", {}, 0};
  for (std::uint32_t ix = 0; ix < pages; ++ix) {
    manifest.pages.push_back({{ix}, made_up(ix, 'k'), made_up(ix, 'v')});
    seq.page_ixs.push_back({ix});
  }
  manifest.logical_seqs.push_back(std::move(seq));
  return manifest.to_json();
}

void run(const std::filesystem::path& path, std::uint32_t pages) {
  const std::string json = make_manifest(pages);
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) {
    seconds.push_back(seconds_of([&] { static_cast<void>(PageManifest::parse(json)); }));
  }
  print_row({fmt::format("manifest of {} pages, parsed, s", pages), fmt::format("{:.3f}", median(seconds)), "", "",
             median(seconds), Bar::at_most, 0.2});
  Store store = Store::init(path);
  const WriterLease lease = store.lease();
  store.catalog().seal(store.blobs().put(std::as_bytes(std::span(json))).digest, {});
}

}  // namespace
}  // namespace pfcache::bench

int main(int argc, char** argv) {
  std::uint32_t pages = 100'000;
  const bool is_right =
      argc == 2 || (argc == 3 && std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), pages).ec == std::errc());
  if (!is_right) {
    std::fputs("usage: bench_manifest STORE [PAGES]\n", stderr);
    return 2;
  }
  try {
    pfcache::bench::run(argv[1], pages);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_manifest: {}\n", error.what());
    return 1;
  }
  return 0;
}
