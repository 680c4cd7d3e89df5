// What a store does about files whose bytes are not what their names say.
#include <doctest/doctest.h>

#include <fstream>
#include <functional>
#include <string>

#include "cas/frames.hpp"
#include "cas/tree.hpp"
#include "cas/zstd_codec.hpp"
#include "pfcache/fs_blob_store.hpp"
#include "pfcache/sha256.hpp"
#include "support/failure.hpp"
#include "support/temp_dir.hpp"

namespace pfcache::test {
namespace {

namespace fs = std::filesystem;

// A value of /proc/self/status, in KiB.
std::uint64_t status_kib(const std::string& field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field + ":")) return std::stoull(line.substr(field.size() + 1));
  }
  throw std::runtime_error("no " + field + " in /proc/self/status");
}

// How far `work` raised the peak of the memory that this process has in use.
template <typename Work>
std::uint64_t peak_growth_mib(Work&& work) {
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts again from what is in use now
  const std::uint64_t before = status_kib("VmRSS");
  work();
  const std::uint64_t peak = status_kib("VmHWM");
  return peak <= before ? 0 : (peak - before) / 1024;
}

void check_unreadable(const FsBlobStore& store, const Bytes& blob) {
  const Digest digest = sha256(blob);
  Bytes out(blob.size());
  const Failure into = failure_of([&] { store.get_into(digest, out); });
  CHECK(into.code == Errc::damaged);
  CHECK(into.what.find(digest.hex()) != std::string::npos);
  CHECK(failure_of([&] { std::ignore = store.get(digest); }).code == Errc::damaged);
  CHECK(store.contains(digest));
}

// Damaged bytes are refused, put heals them, and nothing but the one file is left.
void check_damage_and_repair(const TempDir& dir, const fs::path& path, const Bytes& blob, const Bytes& damaged) {
  write_bytes(path, damaged);
  FsBlobStore store(dir.path());
  check_unreadable(store, blob);
  const PutResult result = store.put(blob);
  CHECK(result.added);
  CHECK(result.stored_bytes == fs::file_size(path));
  CHECK(store.get(sha256(blob)) == blob);
  Bytes out(blob.size());
  store.get_into(sha256(blob), out);
  CHECK(out == blob);
  CHECK(only_file_of(dir.path(), sha256(blob)) == path);
  CHECK(count_temp_files(dir.path()) == 0);
}

// A blob in each encoding: where it lies, and its stored bytes.
struct Stored {
  TempDir dir;
  Bytes blob;
  fs::path path;
  Bytes bytes;

  Stored(EncodingPolicy policy, Bytes plain) : blob(std::move(plain)) {
    const Digest digest = FsBlobStore(dir.path(), policy).put(blob).digest;
    path = only_file_of(dir.path(), digest);
    bytes = read_bytes(path);
  }
};

TEST_CASE("fs_detects_corruption: no blob with a flipped bit is given out, whichever bit, and a put heals it") {
  for (const EncodingPolicy policy : {EncodingPolicy::raw, EncodingPolicy::automatic, EncodingPolicy::zstd_19}) {
    const Stored stored(policy, compressible_bytes(60, 1));
    for (std::size_t bit = 0; bit < 8 * stored.bytes.size(); ++bit) {
      CAPTURE(bit);
      Bytes damaged = stored.bytes;
      damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
      write_bytes(stored.path, damaged);
      const FsBlobStore store(stored.dir.path());
      // A few bits of a frame's header mean nothing for its content: then the bytes must be right.
      try {
        const Bytes got = store.get(sha256(stored.blob));
        CHECK(got == stored.blob);
      } catch (const Error& error) {
        CHECK((error.code() == Errc::damaged || error.code() == Errc::too_large));
      }
      Bytes out(stored.blob.size());
      try {
        store.get_into(sha256(stored.blob), out);
        CHECK(out == stored.blob);
      } catch (const Error& error) {
        CHECK(error.code() == Errc::damaged);
        CHECK(std::string(error.what()).find(stored.path.filename().native()) != std::string::npos);
        if (bit % 40 == 0) check_damage_and_repair(stored.dir, stored.path, stored.blob, damaged);
      }
    }
  }
}

TEST_CASE("every flipped bit of raw bytes is damage") {
  const Stored stored(EncodingPolicy::raw, random_bytes(32, 1));
  for (std::size_t bit = 0; bit < 8 * stored.bytes.size(); ++bit) {
    Bytes damaged = stored.bytes;
    damaged[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    write_bytes(stored.path, damaged);
    check_unreadable(FsBlobStore(stored.dir.path()), stored.blob);
  }
}

TEST_CASE("a truncated blob is damaged, wherever it was cut, and a put heals it") {
  for (const EncodingPolicy policy : {EncodingPolicy::raw, EncodingPolicy::automatic}) {
    const Stored stored(policy, compressible_bytes(300, 1));
    for (std::size_t size = 0; size < stored.bytes.size(); size += 16) {  // size 0: a zero-length file
      CAPTURE(size);
      const Bytes cut(stored.bytes.begin(), stored.bytes.begin() + static_cast<std::ptrdiff_t>(size));
      check_damage_and_repair(stored.dir, stored.path, stored.blob, cut);
    }
  }
}

TEST_CASE("bytes added to a blob's file are damage, and a put heals it") {
  for (const EncodingPolicy policy : {EncodingPolicy::raw, EncodingPolicy::automatic}) {
    const Stored stored(policy, compressible_bytes(300, 1));
    check_damage_and_repair(stored.dir, stored.path, stored.blob, joined({stored.bytes, bytes_of("x")}));
  }
}

TEST_CASE("another valid blob of the same size in a blob's place is damage, and a put heals it") {
  const Bytes other = compressible_bytes(300, 2);
  const Stored raw(EncodingPolicy::raw, compressible_bytes(300, 1));
  check_damage_and_repair(raw.dir, raw.path, raw.blob, other);
  const Stored zstd(EncodingPolicy::automatic, compressible_bytes(300, 1));
  check_damage_and_repair(zstd.dir, zstd.path, zstd.blob, zstd_encode(other, 1));
}

TEST_CASE("a zero-length file is not the empty blob in zstd") {
  const Stored stored(EncodingPolicy::zstd_19, {});
  check_damage_and_repair(stored.dir, stored.path, stored.blob, {});
}

TEST_CASE("a bomb of 32 KB that decodes to 1 GiB takes no memory and is repaired by a put") {
  const Bytes frames = bomb();
  REQUIRE(frames.size() < 100'000);
  const Bytes blob = compressible_bytes(4096, 1);
  const TempDir dir;
  const fs::path path = blob_path(dir.path(), sha256(blob), ".zst");
  write_bytes(path, frames);
  FsBlobStore store(dir.path());
  constexpr std::uint64_t kMaxGrowthMib = 64;
  CHECK(peak_growth_mib([&] {
          Bytes out(blob.size());
          CHECK(failure_of([&] { store.get_into(sha256(blob), out); }).code == Errc::damaged);
        }) < kMaxGrowthMib);
  CHECK(peak_growth_mib([&] {
          CHECK(failure_of([&] { std::ignore = store.get(sha256(blob), 1 << 20); }).code == Errc::too_large);
        }) < kMaxGrowthMib);
  CHECK(peak_growth_mib([&] { CHECK(store.put(blob).added); }) < kMaxGrowthMib);
  CHECK(store.get(sha256(blob)) == blob);
}

TEST_CASE("a large file in a small blob's place is refused by its size, before memory is taken") {
  const Bytes blob = compressible_bytes(4096, 1);
  for (const std::string suffix : {".raw", ".zst"}) {
    CAPTURE(suffix);
    const TempDir dir;
    const fs::path path = blob_path(dir.path(), sha256(blob), suffix);
    write_bytes(path, {});
    fs::resize_file(path, std::uintmax_t{1} << 33);  // a hole
    FsBlobStore store(dir.path());
    CHECK(peak_growth_mib([&] {
            Bytes out(blob.size());
            CHECK(failure_of([&] { store.get_into(sha256(blob), out); }).code == Errc::damaged);
            CHECK(failure_of([&] { std::ignore = store.get(sha256(blob)); }).code == Errc::too_large);
          }) < 64);
    CHECK(store.put(blob).added);
    CHECK(store.get(sha256(blob)) == blob);
  }
}

TEST_CASE("of several encodings a good one wins, whichever it is") {
  const Bytes blob = compressible_bytes(1000, 1);
  const Bytes junk = bytes_of("junk");
  for (const bool is_raw_good : {false, true}) {
    const TempDir dir;
    write_bytes(blob_path(dir.path(), sha256(blob), ".raw"), is_raw_good ? blob : junk);
    write_bytes(blob_path(dir.path(), sha256(blob), ".zst"), is_raw_good ? junk : zstd_encode(blob, 1));
    FsBlobStore store(dir.path());
    Bytes out(blob.size());
    store.get_into(sha256(blob), out);
    CHECK(out == blob);
    CHECK(store.get(sha256(blob)) == blob);
    CHECK_FALSE(store.put(blob).added);
    // The put has healed the other one.
    CHECK(read_bytes(blob_path(dir.path(), sha256(blob), ".raw")) == blob);
    CHECK(zstd_decode(read_bytes(blob_path(dir.path(), sha256(blob), ".zst")), blob.size(), "zst") == blob);
  }
}

TEST_CASE("when all encodings are damaged the blob is, and a put heals all of them") {
  const Bytes blob = compressible_bytes(1000, 1);
  const TempDir dir;
  for (const std::string suffix : {".raw", ".zst"}) {
    write_bytes(blob_path(dir.path(), sha256(blob), suffix), bytes_of("junk"));
  }
  FsBlobStore store(dir.path());
  check_unreadable(store, blob);
  CHECK(store.put(blob).added);
  CHECK(store.get(sha256(blob)) == blob);
  CHECK(read_bytes(blob_path(dir.path(), sha256(blob), ".raw")) == blob);
}

TEST_CASE("a blob in two encodings is visited for each and removed in both") {
  const Bytes blob = compressible_bytes(1000, 1);
  const TempDir dir;
  FsBlobStore store(dir.path(), EncodingPolicy::raw);
  store.put(blob);
  write_bytes(blob_path(dir.path(), sha256(blob), ".zst"), zstd_encode(blob, 1));
  std::size_t visits = 0;
  store.for_each([&](const Digest&, const BlobInfo&) { ++visits; });
  CHECK(visits == 2);
  CHECK(store.remove(sha256(blob)));
  CHECK_FALSE(store.contains(sha256(blob)));
}

}  // namespace
}  // namespace pfcache::test
