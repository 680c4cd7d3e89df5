// The two things that every byte of a page goes through, a core: SHA-256 of many pages at once against libsodium, and
// byte planes against zstd at level 19.
//
//   bench_kernels [ROUNDS]
#include <sodium.h>
#include <zstd.h>

#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>

#include <fmt/format.h>

#include "bench/measure.hpp"
#include "bench/row.hpp"
#include "cas/encodings.hpp"
#include "cas/planes_codec.hpp"
#include "pfcache/sha256.hpp"
#include "pfcache/synthetic_pager.hpp"

namespace pfcache::bench {
namespace {

constexpr std::size_t kBlobBytes = std::size_t{1} << 20;
constexpr std::size_t kBlobs = 64;

/// K and V of pages as the synthetic pager makes them, 1 MiB each.
std::vector<std::vector<std::byte>> make_blobs(std::size_t count) {
  SyntheticCachePager pager({16, 32, 8, 128, DType::bf16});
  pager.populate_synthetic(static_cast<std::uint32_t>(count / 2), 1, SyntheticCachePager::Content::kv_like);
  std::vector<std::vector<std::byte>> blobs(count, std::vector<std::byte>(kBlobBytes));
  for (std::uint32_t ix = 0; ix < count / 2; ++ix) pager.read_page({ix}, {blobs[2 * ix], blobs[2 * ix + 1]});
  return blobs;
}

class HashBench {
 public:
  explicit HashBench(std::span<const std::vector<std::byte>> blobs) : blobs_(blobs.begin(), blobs.end()) {}

  void run(int rounds) {
    std::vector<double> many, sodium;
    for (int round = 0; round < rounds; ++round) {
      std::vector<Digest> ours(blobs_.size()), theirs(blobs_.size());
      many.push_back(seconds_of([&] { sha256_many(blobs_, ours); }));
      sodium.push_back(seconds_of([&] {
        for (std::size_t i = 0; i < blobs_.size(); ++i) theirs[i] = sodium_sha256(blobs_[i]);
      }));
      if (ours != theirs) throw std::runtime_error("two sides that disagree on a digest can't be compared");
    }
    const double bytes = static_cast<double>(blobs_.size() * kBlobBytes);
    const double ours = bytes / median(many);
    const double theirs = bytes / median(sodium);
    print_row({"SHA-256 of 64 blobs at once, a core", fmt::format("{:.2f} GB/s", ours / 1e9),
               fmt::format("{:.2f} GB/s", theirs / 1e9), "libsodium", ours / theirs, Bar::at_least, 6});
    print_row({"  of what the CPU's vector ports allow", fmt::format("{:.2f} cycles/B", 1e9 * clock_ghz() / ours),
               fmt::format("{:.2f} cycles/B", kPortLimit), "1704 operations on 2 ports a KiB",
               kPortLimit * ours / 1e9 / clock_ghz()});
  }

 private:
  // With AVX-512, 16 blocks of 64 bytes take 600 additions, 352 ternary functions, 672 rotations and shifts and 80
  // shuffles: 1704 operations, as objdump counts them in the loop, on two ports that do vectors of 512 bits.
  static constexpr double kPortLimit = 1704.0 / 2 / 1024;

  static Digest sodium_sha256(std::span<const std::byte> bytes) {
    std::array<std::byte, Digest::kSizeBytes> out;
    crypto_hash_sha256(reinterpret_cast<unsigned char*>(out.data()),
                       reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    return Digest(out);
  }

  std::vector<std::span<const std::byte>> blobs_;
};

class PlanesBench {
 public:
  void run(std::span<const std::vector<std::byte>> blobs, int rounds) {
    for (int round = 0; round < rounds; ++round) {
      for (const auto& blob : blobs.first(8)) measure(blob);
    }
    const double zstd_ratio = ratio_of_zstd(blobs.front());
    const double ratio = static_cast<double>(kBlobBytes) / static_cast<double>(stored_bytes_);
    print_row({"byte planes, bf16, plain over stored bytes", fmt::format("{:.3f}", ratio),
               fmt::format("{:.3f}", zstd_ratio), "zstd level 19", ratio / zstd_ratio, Bar::at_least, 1});
    print_row({"  the same, absolute", fmt::format("{:.3f}", ratio), "", "", ratio, Bar::at_least, 1.30});
    print_speed("  encoding, a core", encode_, 350);
    print_speed("  decoding, a core", decode_, 1200);
  }

 private:
  void measure(std::span<const std::byte> plain) {
    std::optional<EncodedBlob> stored;  // the choice of an encoding included
    encode_.push_back(seconds_of([&] { stored.emplace(encode_blob(plain, EncodingPolicy::automatic, {2})); }));
    if (stored->encoding() != Encoding::planes2) throw std::runtime_error("these bytes were not kept as planes");
    stored_bytes_ = stored->bytes().size();
    decode_.push_back(seconds_of([&] { planes_decode_into(stored->bytes(), 2, back_, "bench"); }));
    if (std::memcmp(back_.data(), plain.data(), plain.size()) != 0)
      throw std::runtime_error("planes changed the bytes");
  }

  static double ratio_of_zstd(std::span<const std::byte> plain) {
    std::vector<std::byte> out(ZSTD_compressBound(plain.size()));
    const std::size_t size = ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 19);
    if (ZSTD_isError(size) != 0) throw std::runtime_error(ZSTD_getErrorName(size));
    return static_cast<double>(plain.size()) / static_cast<double>(size);
  }

  static void print_speed(const char* what, const std::vector<double>& seconds, double bar) {
    const double speed = static_cast<double>(kBlobBytes) / median(seconds) / 1e6;
    print_row({what, fmt::format("{:.0f} MB/s", speed), "", "", speed, Bar::at_least, bar});
  }

  std::size_t stored_bytes_ = 0;
  std::vector<std::byte> back_ = std::vector<std::byte>(kBlobBytes);
  std::vector<double> encode_;
  std::vector<double> decode_;
};

}  // namespace
}  // namespace pfcache::bench

int main(int argc, char** argv) {
  int rounds = 7;
  if (argc > 2 || (argc == 2 && (std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), rounds).ec != std::errc() ||
                                 rounds < 1))) {
    std::fputs("usage: bench_kernels [ROUNDS]\n", stderr);
    return 2;
  }
  try {
    const auto blobs = pfcache::bench::make_blobs(pfcache::bench::kBlobs);
    pfcache::bench::HashBench(blobs).run(rounds);
    pfcache::bench::PlanesBench().run(blobs, rounds);
  } catch (const std::exception& error) {
    fmt::print(stderr, "bench_kernels: {}\n", error.what());
    return 1;
  }
  return 0;
}
